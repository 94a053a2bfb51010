import { test } from "node:test";
import { LAYOUTS, proveForeignReaders } from "../proofs/foreign-readers.ts";

for (const layout of LAYOUTS) {
  test(`accepted mail stays when others read the database, back it up, and Sealpost is killed: ${layout}`, async () => {
    await proveForeignReaders(layout, 2);
  });
}
