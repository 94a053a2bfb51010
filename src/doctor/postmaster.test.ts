import assert from "node:assert/strict";

import { haveAccounts } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { doctorDeps, domain } from "../../test/support/doctor-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { readerOf } from "../accounts/postmaster.ts";
import type { Store } from "../store/store.ts";
import { postmasterCheck } from "./postmaster.ts";

const onBoth = testOnBoth();
const places = ["alpha.test", "mail.alpha.test"].map(domain);

async function judge(store: Store, configured?: string): Promise<string> {
  const account = configured === undefined ? undefined : addressOf(configured);
  const served = { domains: places.slice(0, 1), hostname: domain("mail.alpha.test") };
  const postmaster = {
    places,
    configured: account,
    isRead: async (of: Store, place: string) =>
      (await readerOf(of, { ...served, postmaster: account }, addressOf(`postmaster@${place}`))) !==
      undefined,
  };
  const database = { kind: "open", store, isMigrated: true } as const;
  const [one] = await postmasterCheck.run(doctorDeps({}, { database, postmaster }));
  return `${String(one?.result)} ${String(one?.title)} ${String(one?.todo)}`;
}

onBoth("a warning says when nobody reads mail for postmaster, and what to do", async (open) => {
  await using store = await open();
  await haveAccounts(store, addressOf("ada@alpha.test"));
  assert.match(
    await judge(store),
    /^warn nobody reads .* at alpha\.test, mail\.alpha\.test: no account is configured .*postmaster = "ADDRESS"/,
  );
  assert.match(await judge(store, "gone@alpha.test"), /^warn .*gone@alpha\.test.* no open account/);
  assert.match(
    await judge(store, "ada@alpha.test"),
    /^ok .*alpha\.test, mail\.alpha\.test is read/,
  );
});

onBoth(
  "an account called postmaster reads its own domain's mail and not the host's",
  async (open) => {
    await using store = await open();
    await haveAccounts(store, addressOf("postmaster@alpha.test"));
    assert.match(
      await judge(store),
      /^warn nobody reads mail for postmaster at mail\.alpha\.test:/,
    );
  },
);

onBoth("where no mail is taken nobody has to read it", async (open) => {
  await using store = await open();
  const database = { kind: "open", store, isMigrated: true } as const;
  const [one] = await postmasterCheck.run(doctorDeps({}, { database, postmaster: undefined }));
  assert.equal(one?.result, "skip");
});
