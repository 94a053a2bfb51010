import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  MESSAGE,
  makePeople,
  person,
  send,
  textOf,
  type Options,
} from "../../test/support/submission.ts";
import { fieldBody, fieldsNamed, type Header, parseHeader } from "../mail/header.ts";
import { parseCertificates } from "../openpgp/certificates/certificate.ts";
import { open } from "../pgpmime/open.ts";

before(makePeople);

const CLEAR = ["carol@legacy.test"];

/** As mail programs write it (Autocrypt level 1). */
function announcing(name: string, options: { addr?: string; field?: string } = {}): string {
  const base64 = Buffer.from(person(name).certificate.bytes).toString("base64");
  const keydata = base64.replaceAll(/.{70}/g, "$&\n ");
  const { addr = "alice@alpha.test", field = "Autocrypt" } = options;
  return `${field}: addr=${addr}; prefer-encrypt=mutual;\n keydata=${keydata}\n`;
}

async function headerOf(message: string, options: Options = {}): Promise<Header> {
  const { relayed } = await send(message, CLEAR, options);
  assert.equal(relayed.length, 1);
  return parseHeader(relayed[0]?.message ?? new Uint8Array()).header;
}

const bodies = (header: Header): readonly string[] =>
  ["Autocrypt", "Autocrypt-Gossip"].flatMap((name) => fieldsNamed(header, name)).map(fieldBody);

test("a key that nobody here holds does not leave in an Autocrypt field, outside or inside", async () => {
  for (const fields of [
    announcing("bea@beta.test"),
    announcing("alice@alpha.test") + announcing("bea@beta.test"),
    announcing("alice@alpha.test", { addr: "bea@beta.test" }),
    announcing("bob@beta.test", { field: "Autocrypt-Gossip" }),
    announcing("bea@beta.test").replace("Autocrypt", "AUTOCRYPT "),
    "Autocrypt: nonsense\n",
    "Autocrypt: addr=alice@alpha.test; keydata=\n",
  ]) {
    assert.deepEqual(bodies(await headerOf(`${fields}${MESSAGE}`)), [], fields);
    const { relayed } = await send(`${fields}${MESSAGE}`, ["bob@beta.test"]);
    assert.doesNotMatch(textOf(relayed), /autocrypt/i);
    const [copy] = relayed;
    assert(copy);
    const opened = await open({ message: copy.message, keys: [person("bob@beta.test")] });
    assert.equal(opened.kind, "opened");
    assert.doesNotMatch(Buffer.from(opened.payload).toString("latin1"), /autocrypt/i);
  }
});

test("a field with the published key of its author stays as it is", async () => {
  const own = announcing("alice@alpha.test");
  const [kept, ...more] = bodies(await headerOf(`${own}${MESSAGE}`));
  assert.equal(more.length, 0);
  assert.equal(kept, own.replace("Autocrypt: ", "").replaceAll("\n", "").trim());
});

test("where it is configured, the published key takes the place of another one", async () => {
  const autocrypt = "replace";
  for (const fields of [announcing("bea@beta.test"), "Autocrypt: nonsense\n"]) {
    const [field, ...more] = bodies(await headerOf(`${fields}${MESSAGE}`, { autocrypt }));
    assert.equal(more.length, 0);
    const [, keydata = ""] =
      /^addr=alice@alpha\.test; prefer-encrypt=mutual; keydata=(.*)$/.exec(field ?? "") ?? [];
    const parsed = await parseCertificates(Buffer.from(keydata.replaceAll(/\s/g, ""), "base64"));
    assert(parsed.kind === "parsed");
    const { fingerprint } = person("alice@alpha.test");
    assert.deepEqual(
      parsed.certificates.map((one) => one.fingerprint),
      [fingerprint],
    );
  }
  assert.deepEqual(bodies(await headerOf(MESSAGE, { autocrypt })), [], "nothing was announced");
});
