import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { idOf } from "../../../test/support/accounts.ts";
import { engines } from "../../../test/support/engines.ts";
import { fromUnixMs } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { readPublishedFile } from "../keys/published-file.ts";
import { insertAccount, readAccount } from "./accounts.ts";
import { setLogin } from "./logins.ts";

const alice = parseAddress("alice@alpha.test") ?? assert.fail();
const account = {
  id: idOf(alice),
  address: alice,
  custody: "unlocks-at-login",
  policy: undefined,
  createdAt: fromUnixMs(1_800_000_000_000),
  mailboxKey: "same",
} as const;
const first = { salt: Buffer.of(1), kdf: "k", verifier: Buffer.of(2), serviceKey: "one" };

for (const { engine, open } of engines()) {
  test(`${engine}: a file beside the database notes another password, and not the same login wrapped again`, async () => {
    await using store = await open();
    const folder = await mkdtemp(join(tmpdir(), "sealpost-logins-"));
    try {
      const file = join(folder, "published");
      store.publishedFile = file;
      await insertAccount(store, account, first);
      await setLogin(store, idOf(alice), 1, {
        ...first,
        verifier: Buffer.of(3),
        serviceKey: "two",
      });
      assert.deepEqual((await readPublishedFile(file))?.passwords ?? [], []);
      await setLogin(store, idOf(alice), 2, { ...first, salt: Buffer.of(4) });
      assert.deepEqual(
        (await readPublishedFile(file))?.passwords.map(({ account: of }) => of),
        [idOf(alice)],
      );
      assert.equal((await readAccount(store, idOf(alice)))?.generation, 2);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
