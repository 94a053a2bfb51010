/** Checks of what may be absent: courtesy names and TLSA records. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { answered, judged, lines, seen, silent, srv } from "../../test/support/doctor-world.ts";
import { courtesyNames } from "./courtesy-names.ts";
import { tlsaRecord } from "./tlsa-record.ts";

test("a courtesy name that is absent is a hint with its line", async () => {
  const hkps = { "_hkps._tcp.alpha.test": answered([srv()]) };
  const text = await lines(courtesyNames, { srv: hkps });
  assert.match(text, /^ok _hkps\._tcp\.alpha\.test/);
  assert.match(text, /^skip .*optional.*_pgpkey-https\._tcp\.keys\.alpha\.test\. 3600 IN SRV/m);
});

const NAME = "_443._tcp.keys.alpha.test";
const record = (fill: number, usage = 3) => ({
  usage,
  selector: 1,
  matching: 1,
  data: Buffer.alloc(32, fill),
});

test("a TLSA record must hold the server's key; a second one beside it may", async () => {
  const both = { [NAME]: answered([record(9), record(7)]) };
  assert.match(await lines(tlsaRecord, { tlsa: both }), /^ok /);
  const wrong = await lines(tlsaRecord, { tlsa: { [NAME]: answered([record(9)]) } });
  assert.match(wrong, /^fail .*does not hold.*TLSA 3 1 1 (?:07){32}/);
});

test("no TLSA record is a hint, another kind is not judged, a forged one fails", async () => {
  assert.match(await lines(tlsaRecord), /^skip .*optional.*To have it, add: _443\._tcp/);
  const other = { [NAME]: answered([record(7, 2)]) };
  assert.match(await lines(tlsaRecord, { tlsa: other }), /^skip .*other kinds/);
  assert.match(await lines(tlsaRecord, { tlsa: { [NAME]: silent(6) } }), /^fail .*forged/);
  const right = { [NAME]: answered([record(7)]) };
  const [unseen] = await judged(tlsaRecord, { tlsa: right, tls: "none" });
  assert.equal(unseen?.result, "skip");
  const views = [seen(), seen({ spkiSha256: Buffer.alloc(32, 1) })];
  assert.match(await lines(tlsaRecord, { tlsa: right, tls: views }), /^fail /);
});
