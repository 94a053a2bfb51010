/** The forms of key files in `docs/use/forms-keys.md`. */
import { importCertificate } from "../../src/openpgp/certificates/import-certificate.ts";
import { armorKey } from "../../src/openpgp/packets/armor.ts";
import type { Form } from "./form-fixtures.ts";
import { ADA, NOW, USER, imported, libraryKey } from "./secret-keys.ts";
import { DAY, after } from "../../src/base/time.ts";

/** Each under the name that stands in the table; what comes of it is `read`, or the reason of the refusal. */
export function keyForms(): Readonly<Record<string, Form>> {
  return Object.fromEntries(
    Object.entries(FILES).map(([name, change]): [string, Form] => [
      name,
      async () => {
        const made = await libraryKey({ user: USER, date: after(NOW, -50 * DAY) });
        const text = Buffer.from(armorKey("PRIVATE", made)).toString("latin1");
        const taken = await imported(change(text), { address: ADA, now: NOW });
        if (taken.kind === "refused") return taken.reason;
        const shown = Buffer.from(armorKey("PUBLIC", taken.certificate.bytes)).toString("latin1");
        const bytes = change(shown);
        const brought = await importCertificate({ bytes, address: ADA, now: NOW });
        return brought.kind === "refused" ? brought.reason : "read";
      },
    ]),
  );
}

const EMPTY = "-----\r\n\r\n";

/** What becomes of a key file on its way; secret keys and certificates are read alike. */
const FILES: Readonly<Record<string, (armor: string) => Buffer>> = {
  "key-file": (armor) => Buffer.from(armor),
  "key-file-byte-order-mark": (armor) => Buffer.from(`\ufeff${armor}`),
  "key-file-utf-16": (armor) => Buffer.from(`\ufeff${armor}`, "utf16le"),
  "key-file-no-empty-line": (armor) => Buffer.from(armor.replace(EMPTY, "-----\r\nVersion: x\r\n")),
  "key-file-empty-line-first": (armor) =>
    Buffer.from(armor.replace(EMPTY, "-----\r\n\r\nComment: x\r\n\r\n")),
  "key-file-one-line": (armor) => Buffer.from(armor.replaceAll("\r\n", " ")),
  "key-file-escaped": (armor) => Buffer.from(armor.replaceAll("\r\n", "\\n")),
  "key-file-indented": (armor) => Buffer.from(armor.replaceAll(/^/gm, "    ")),
};
