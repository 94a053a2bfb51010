/** `docs/use/forms.md` says what becomes of forms of mail and keys: each row is built here and read. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { cast, type Cast, type Form } from "../support/form-fixtures.ts";
import { keyForms } from "../support/key-forms.ts";
import { mailForms } from "../support/mail-forms.ts";

const TABLE = readFileSync(join(import.meta.dirname, "../../docs/use/forms.md"), "utf8");

/** `| `name` | program | form | `OUTCOME` |`: the outcome as it is built, without its code marks. */
const ROWS = [...TABLE.matchAll(/^\| `([^`|]+)` \|[^|]*\|[^|]*\| ([^|]+) \|$/gm)].map(
  ([, name = "", outcome = ""]) => ({ name, outcome: outcome.replaceAll("`", "") }),
);

let people: Cast;
let forms: Readonly<Record<string, Form>>;

before(async () => {
  people = await cast();
  forms = { ...mailForms(people), ...keyForms() };
});
afterAll(() => {
  people[Symbol.dispose]();
});

test("every form that is built is in the table once, and every row is built", () => {
  const names = ROWS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(names.toSorted(), Object.keys(forms).toSorted());
});

for (const { name, outcome } of ROWS) {
  test(`${name} becomes what the table says: ${outcome}`, async () => {
    assert.equal(await forms[name]?.(), outcome);
  });
}
