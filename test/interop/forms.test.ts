/** `docs/use/forms.md` and `forms-keys.md` say what becomes of forms of mail and of key files: each row is built here. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { cast, type Cast, type Form } from "../support/form-fixtures.ts";
import { keyForms } from "../support/key-forms.ts";
import { mailForms } from "../support/mail-forms.ts";

const TABLE = ["forms.md", "forms-keys.md"]
  .map((page) => readFileSync(join(import.meta.dirname, "../../docs/use", page), "utf8"))
  .join("\n");

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
