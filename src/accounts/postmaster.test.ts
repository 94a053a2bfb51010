import assert from "node:assert/strict";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { formatAddress, parseDomain } from "../mail/address.ts";
import { isPostmastersMail, isServed, readerOf, type Served } from "./postmaster.ts";

const onBoth = testOnBoth();

function domainOf(text: string) {
  const parsed = parseDomain(text);
  assert(parsed !== undefined);
  return parsed;
}

const ada = addressOf("ada@alpha.test");
const served: Served = {
  domains: ["alpha.test", "delta.test"].map(domainOf),
  hostname: domainOf("mail.alpha.test"),
  postmaster: ada,
};
const NAMES = ["postmaster@alpha.test", "Postmaster@delta.test", "POSTMASTER@mail.alpha.test"];

onBoth("postmaster of each domain and of the host is the configured account", async (open) => {
  await using store = await open();
  await haveAccounts(store, ada);
  for (const name of NAMES.slice(0, 3)) {
    assert(isServed(served, addressOf(name)));
    const reader = await readerOf(store, served, addressOf(name));
    assert.equal(reader && formatAddress(reader.address), "ada@alpha.test", name);
    assert(await isPostmastersMail(store, served, idOf(ada), [addressOf(name)]));
  }
  assert(!isServed(served, addressOf("ada@mail.alpha.test")));
  assert(!isServed(served, addressOf("postmaster@beta.test")));
  assert.equal(await readerOf(store, served, addressOf("postmaster@beta.test")), undefined);
  assert.equal(await readerOf(store, served, addressOf("nobody@alpha.test")), undefined);
});

onBoth("an account that is called postmaster has its own mail", async (open) => {
  await using store = await open();
  const own = addressOf("postmaster@alpha.test");
  await haveAccounts(store, ada, own);
  const reader = await readerOf(store, served, addressOf("PostMaster@alpha.test"));
  assert.equal(reader && formatAddress(reader.address), "postmaster@alpha.test");
  assert(!(await isPostmastersMail(store, served, idOf(ada), [own])));
});

onBoth("without an account for it postmaster is nobody", async (open) => {
  await using store = await open();
  await haveAccounts(store, ada);
  const unset: Served = { ...served, postmaster: undefined };
  const gone: Served = { ...served, postmaster: addressOf("gone@alpha.test") };
  for (const each of [unset, gone]) {
    assert.equal(await readerOf(store, each, addressOf("postmaster@alpha.test")), undefined);
  }
});
