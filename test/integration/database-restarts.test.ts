import { test } from "node:test";
import { proveDatabaseRestarts } from "../proofs/database-restarts.ts";

test("PostgreSQL is restarted under load: mail is answered 451 meanwhile, nothing ends, nothing is lost", async (t) => {
  const { accepted, refused } = await proveDatabaseRestarts(2);
  t.diagnostic(`${String(accepted)} accepted, ${String(refused)} answered 451`);
});
