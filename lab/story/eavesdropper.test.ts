import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { secretsIn } from "./eavesdropper.ts";
import { writeMessage } from "./message.ts";

const SECRETS = { word: [Buffer.from("süßer Duft")] };

test("a secret is found as it is, and in quoted-printable, percent and base64 forms", () => {
  const word = Buffer.from("süßer Duft");
  const hidden = {
    plain: "ein süßer Duft!",
    "quoted-printable": "ein s=C3=BC=C3=\r\n=9Fer Duft",
    percent: "filename*=UTF-8''s%C3%BC%C3%9Fer Duft.txt",
    ...Object.fromEntries(
      [0, 1, 2].map((before) => {
        const encoded = Buffer.concat([Buffer.alloc(before, "x"), word, Buffer.from("yy")]);
        const lines = encoded.toString("base64").match(/.{1,8}/g) ?? [];
        return [`base64 after ${before}`, lines.join("\r\n")];
      }),
    ),
  };
  for (const [form, text] of Object.entries(hidden)) {
    assert.deepEqual(secretsIn(Buffer.from(text), SECRETS), ["word"], form);
  }
});

test("nothing is found where nothing is", () => {
  assert.deepEqual(secretsIn(randomBytes(100_000), SECRETS), []);
  assert.deepEqual(secretsIn(Buffer.from("saurer Geruch"), SECRETS), []);
});

test("every secret of a message of the story is found in the message itself", () => {
  const message = writeMessage({ from: "a@alpha.test", to: ["b@beta.test"], about: "dies" });
  assert.deepEqual(secretsIn(message.bytes, message.secrets), Object.keys(message.secrets));
});
