/**
 * The events in the life of keys, each from a state of its own, for those who interrupt them: who has which password
 * before and after, and what a process is to do in between.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  deleteFormerKeys,
  openServiceKeys,
  replaceServiceKey,
} from "../../src/app/service-key-file.ts";
import { rotateServiceKey as rotateInLog } from "../../src/vault/service-key-log.ts";
import { ServiceKey } from "../../src/vault/service-key.ts";
import { addressOf } from "./address.ts";
import { enrol, setLoginOnly, idOf } from "./accounts.ts";
import { Secret } from "../../src/base/secret.ts";
import { DAY } from "../../src/base/time.ts";
import { appendAudit } from "../../src/journal/journal.ts";
import { addAlias } from "../../src/keys/alias.ts";
import { giveToProvider, replaceKeys } from "../../src/keys/custody.ts";
import { closeAccount, eraseByLaw } from "../../src/keys/end-account.ts";
import { reclaimFormerKeys } from "../../src/keys/parked-keys.ts";
import { openWithPassword, openWithService, type MasterKey } from "../../src/vault/master-key.ts";
import { readRecoveryCode } from "../../src/vault/recovery-code.ts";
import { renameAccount } from "../../src/keys/rename.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { rewrapAll } from "../../src/vault/rewrap.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { login, type LoginDeps } from "../../src/login/login.ts";
import { recoverWithCode, replacePassword, resetPassword } from "../../src/login/recover.ts";
import { findOwner, primaryAddress } from "../../src/store/accounts/addresses.ts";
import type { Store } from "../../src/store/store.ts";
import { fakeClock, type FakeClock } from "./clock.ts";
import { came } from "./outcome.ts";

export type EventDeps = LoginDeps & { readonly clock: FakeClock; readonly keyFile: string };

/** Account, its first alias, an alias that an event adds, and the name that another gives the account. */
export const PEOPLE = {
  alice: addressOf("alice@alpha.test"),
  alias: addressOf("a.quill@alpha.test"),
  added: addressOf("tide@alpha.test"),
  renamed: addressOf("alice.reef@alpha.test"),
} as const;

export const old = (): Secret => Secret.fromText("the old password");
export const fresh = (): Secret => Secret.fromText("the new password");

const { alice, alias, added, renamed } = PEOPLE;
const network = "192.0.2.0/24";

export type KeyEvent = {
  readonly custody: "unlocks-at-login" | "provider-usable";
  /** What is done before, after the account was made; without a password the enrolment is provisional. */
  readonly isProvisional?: boolean;
  readonly before?: (deps: EventDeps) => Promise<unknown>;
  readonly run: (deps: EventDeps, code: string) => Promise<unknown>;
  /** Of an event of several transactions or files, after each of which everything works: what ends it. */
  readonly resume?: KeyEvent["run"];
};

const own = { custody: "unlocks-at-login" } as const;
const rotation = { address: alice, reason: "superseded", text: "rotated" } as const;
const takingBack = {
  password: old(),
  withRecoveryCode: true,
  custody: "unlocks-at-login",
} as const;

/** Every event, by name. */
export const KEY_EVENTS: Readonly<Record<string, KeyEvent>> = {
  "password change": {
    ...own,
    run: async (deps) => replacePassword(deps, idOf(alice), old(), fresh()),
  },
  "reset with nothing": { ...own, run: async (deps) => resetPassword(deps, idOf(alice), fresh()) },
  "reset by the provider": {
    custody: "provider-usable",
    run: async (deps) => resetPassword(deps, idOf(alice), fresh()),
  },
  "recovery by code": {
    ...own,
    run: async (deps, text) => recoverWithCode(deps, idOf(alice), secretOf(text), fresh()),
  },
  rotate: {
    ...own,
    run: withOpen(async (deps, key) => rotateKey(deps, deps.keyRules, key, rotation)),
  },
  revoke: {
    ...own,
    run: withOpen(async (deps, masterKey) =>
      revokeKey(deps, {
        owner: idOf(alice),
        address: alice,
        masterKey,
        reason: "retired",
        text: "",
      }),
    ),
  },
  compromise: {
    ...own,
    run: withOpen(async (deps, key) =>
      replaceKeys(deps, deps.keyRules, key, { ...takingBack, why: "compromised" }),
    ),
  },
  "custody to the provider": { ...own, run: withOpen(giveToProvider) },
  "custody back": {
    custody: "provider-usable",
    run: withOpen(async (deps, key) =>
      replaceKeys(deps, deps.keyRules, key, { ...takingBack, why: "custody" }),
    ),
  },
  alias: {
    ...own,
    run: withOpen(async (deps, key) => addAlias(deps, deps.keyRules, idOf(alice), added, key)),
    // The alias may be there without its key, which the next login makes.
    resume: withOpen(async (deps, key) => {
      const isAdded = (await findOwner(deps.store, added)) !== undefined;
      await (isAdded ? logIn(deps) : addAlias(deps, deps.keyRules, idOf(alice), added, key));
    }),
  },
  rename: {
    ...own,
    run: withOpen(async (deps, key) =>
      renameAccount(deps, deps.keyRules, idOf(alice), renamed, key),
    ),
    // The account may have its name without a key for it, which the next login makes.
    resume: withOpen(async (deps, key) => {
      const isDone = (await findOwner(deps.store, renamed)) !== undefined;
      await (isDone ? logIn(deps) : renameAccount(deps, deps.keyRules, idOf(alice), renamed, key));
    }),
  },
  close: { ...own, run: withOpen(async (deps, key) => closeAccount(deps, idOf(alice), key)) },
  erase: { ...own, run: async (deps) => eraseByLaw(deps, idOf(alice)) },
  "first login after a provisional enrolment": {
    ...own,
    isProvisional: true,
    before: async (deps) => setLoginOnly(deps, idOf(alice), old()),
    run: logIn,
  },
  "service key rotation": {
    custody: "provider-usable",
    run: rotateServiceKey,
    resume: rotateServiceKey,
  },
  "service key retirement": {
    custody: "provider-usable",
    before: async (deps) => {
      await rotateServiceKey(deps);
      await logIn(deps);
    },
    run: retireServiceKey,
    resume: retireServiceKey,
  },
  "reclaim of former keys": {
    ...own,
    before: async (deps) => resetPassword(deps, idOf(alice), fresh()),
    run: async (deps) => {
      using masterKey = await openWithPassword(deps, idOf(alice), fresh());
      assert(masterKey);
      const proof = { kind: "password", password: old() } as const;
      await came(reclaimFormerKeys(deps, masterKey, proof), "reclaimed");
    },
  },
};

/** What an event works with; both sides of a kill see the same moment. */
export function eventDeps(store: Store, keyFile: string): EventDeps & Disposable {
  const clock = fakeClock();
  clock.advance(DAY);
  const serviceKeys = openServiceKeys(keyFile);
  return {
    store,
    clock,
    keyFile,
    serviceKeys,
    keyRules: { profile: "compat" },
    // Nothing may go wrong unheard.
    failed: (error) => {
      throw error;
    },
    [Symbol.dispose]: () => {
      serviceKeys[Symbol.dispose]();
    },
  };
}

/** The state before an event: the account with an alias, both with a key. Gives the recovery code, or "". */
export async function makeBefore(deps: EventDeps, event: KeyEvent): Promise<string> {
  deps.clock.advance(-DAY);
  const { custody, isProvisional } = event;
  const made = await enrol(deps, {
    address: alice,
    custody,
    profile: "compat",
    password: isProvisional === true ? undefined : old(),
    withRecoveryCode: isProvisional !== true,
  });
  {
    using masterKey =
      isProvisional === true
        ? await openWithService(deps, idOf(alice))
        : await openWithPassword(deps, idOf(alice), old());
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey), "added");
  }
  await event.before?.(deps);
  deps.clock.advance(DAY);
  return made.recoveryCode ?? "";
}

/** The secret of a printed recovery code. */
export function secretOf(text: string): Secret {
  const code = readRecoveryCode(text);
  assert(code.kind === "read");
  return code.secret;
}

function withOpen(
  work: (deps: EventDeps, masterKey: MasterKey) => Promise<unknown>,
): KeyEvent["run"] {
  return async (deps) => {
    using masterKey = await openWithPassword(deps, idOf(alice), old());
    assert(masterKey);
    await work(deps, masterKey);
  };
}

/** The next root is made of the key in force: the order of their names decides how many queries a walk needs. */
async function rotateServiceKey(deps: EventDeps): Promise<void> {
  const { id } = deps.serviceKeys.current;
  using next = new Secret(createHash("sha256").update(id).digest());
  using named = new ServiceKey(next.clone());
  await rotateInLog(deps, { from: deps.serviceKeys.current.id, to: named.id }, () => {
    replaceServiceKey(deps.keyFile, next);
  });
  await rewrapAll(deps);
}

async function retireServiceKey(deps: EventDeps): Promise<void> {
  assert.equal(await rewrapAll(deps), 0);
  deleteFormerKeys(deps.keyFile);
  await appendAudit(deps.store, { at: deps.clock.now(), action: "service-key.retired" });
}

/** By the name that the account has by now: an alias logs nobody in. */
async function logIn(deps: EventDeps): Promise<void> {
  const address = await primaryAddress(deps.store, idOf(alice));
  const result = await login(deps, { address, password: old(), network });
  assert(result.kind === "ok" && !result.isLocked);
  result.keys[Symbol.dispose]();
}
