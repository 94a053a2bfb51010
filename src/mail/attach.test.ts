import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { withAttached, type AttachedFile } from "./attach.ts";
import { dispositionOf } from "./content-type.ts";
import { decodeBody, rawBody } from "./entity.ts";
import { parseHeader } from "./header.ts";
import { scanMime } from "./mime.ts";

const TEXT =
  "From: a@alpha.test\r\nSubject: s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n";

/** The files that a reader finds behind the text. */
function filesIn(message: Uint8Array): readonly AttachedFile[] {
  const root = scanMime(message);
  assert.deepEqual(root.defects, []);
  return root.parts.slice(1).map((part) => {
    const octets = decodeBody(message, part);
    const { type, subtype } = part.contentType;
    const name = dispositionOf(part.header).filename ?? "";
    return { name, contentType: `${type}/${subtype}`, octets: Buffer.from(octets) };
  });
}

test("what is attached is read again, whatever it is and whatever its name", () => {
  const file = fc.record(
    {
      name: fc.string({ unit: "grapheme", maxLength: 200 }).map((name) => name.toWellFormed()),
      contentType: fc.constantFrom("text/plain", "application/pdf"),
      octets: fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(file, { maxLength: 4 }), (files) => {
      const message = withAttached(Buffer.from(TEXT), files);
      if (files.length > 0) assert.deepEqual(filesIn(message), files);
      const lines = Buffer.from(message).toString("latin1").split("\r\n");
      assert(lines.every((line) => line.length <= 100));
    }),
  );
});

test("the text stays as it is, with its own fields, and the message keeps the others", () => {
  const file = { name: "a.bin", contentType: "x/y\r\nBcc: evil@x.test", octets: Buffer.of(0) };
  const message = withAttached(Buffer.from(TEXT), [file]);
  const { header } = parseHeader(message);
  assert.deepEqual(
    header.map(({ name }) => name),
    ["From", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"],
  );
  const [text] = scanMime(message).parts;
  assert(text);
  assert.equal(Buffer.from(rawBody(message, text)).toString(), "Grüße\r\n");
  assert.equal(text.contentType.parameters.get("charset"), "utf-8");
  assert.equal(filesIn(message)[0]?.contentType, "application/octet-stream");
  assert.deepEqual(withAttached(Buffer.from(TEXT), []), Buffer.from(TEXT));
});
