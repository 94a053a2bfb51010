import { DAY, after } from "../base/time.ts";
import { formatAddress } from "../mail/address.ts";
import { activeAddresses } from "../store/accounts/active-addresses.ts";
import { findPublished, type PublishedCertificate } from "../store/keys/certificates.ts";
import { type Judgement, fail, ok, skip, warn } from "./finding.ts";
import type { Check, DoctorDeps, Visit } from "./visit.ts";

const RENEW_BEFORE_MS = 30 * DAY;
const MAX_NAMED = 5;

/** Whether every certificate that is published can still be used, for some time, and ended in an emergency. */
export const storedKeys: Check<Visit> = {
  name: "keys",
  why: "A key that others refuse, that ends soon or that cannot be revoked shows only when somebody needs it: after an upgrade all are tried.",
  run: async ({ deps, domain }) => {
    const { database } = deps;
    if (database.kind === "closed" || !database.isMigrated)
      return [skip("the published keys", "the database cannot be read (see database)")];
    const faults: NamedFault[] = [];
    let total = 0;
    for await (const address of activeAddresses(database.store, domain)) {
      const published = await findPublished(database.store, address);
      if (published === undefined) continue; // Closed or changed since the list was read.
      total += 1;
      faults.push(...(await faultsOf(deps, published)));
    }
    return total === 0
      ? [
          skip(
            "the published keys",
            "none is published",
            "Add accounts: sealpost account add ADDRESS",
          ),
        ]
      : judgements(faults, total);
  },
};

type Fault = "unusable" | "missing" | "altered" | "ending";
/** A fault, and the address that has it. */
type NamedFault = readonly [Fault, string];

async function faultsOf(
  deps: DoctorDeps,
  published: PublishedCertificate,
): Promise<readonly NamedFault[]> {
  const now = deps.clock.now();
  const { bytes, address, fingerprint } = published;
  const [accepted, revocation] = await Promise.all([
    deps.accept(bytes, address, now),
    deps.revocation(published),
  ]);
  const name = formatAddress(address);
  const unrevocable: readonly NamedFault[] = revocation === "good" ? [] : [[revocation, name]];
  if (accepted.kind === "unusable") {
    return [["unusable", `${name} (${accepted.reason})`], ...unrevocable];
  }
  if (accepted.fingerprint !== fingerprint) return [["unusable", `${name} (another key)`]];
  const isEnding = accepted.expires !== undefined && accepted.expires < after(now, RENEW_BEFORE_MS);
  return isEnding ? [["ending", name], ...unrevocable] : unrevocable;
}

/** One judgement for each kind of fault, which names a few of those who have it. */
function judgements(faults: readonly NamedFault[], total: number): readonly Judgement[] {
  const found = FAULTS.flatMap(({ fault, result, what, todo }) => {
    const names = faults.filter(([one]) => one === fault).map(([, name]) => name);
    if (names.length === 0) return [];
    const more = names.length > MAX_NAMED ? " and others" : "";
    const named = `${names.slice(0, MAX_NAMED).join(", ")}${more}`;
    const title = `${names.length} of ${total} published keys ${what}: ${named}`;
    return [result === "fail" ? fail(title, todo) : warn(title, todo)];
  });
  return found.length > 0
    ? found
    : [ok(`all ${total} published keys can be used, can be revoked, and last more than 30 days`)];
}

const FAULTS: readonly {
  readonly fault: Fault;
  readonly result: "fail" | "warn";
  readonly what: string;
  readonly todo: string;
}[] = [
  {
    fault: "unusable",
    result: "fail",
    what: "cannot be used by senders",
    todo: "Give each of them a new key: sealpost key rotate ADDRESS. After an upgrade, go back to the version before and report it.",
  },
  {
    fault: "missing",
    result: "fail",
    what: "have no generic revocation",
    todo: "Give each of them a new key: sealpost key rotate ADDRESS",
  },
  {
    fault: "altered",
    result: "fail",
    what: "have a generic revocation that this service key does not open",
    todo: "Put back the service key that this database was written with (secrets.service_key_file), from its own backup.",
  },
  {
    fault: "ending",
    result: "warn",
    what: "end within 30 days",
    todo: "Keys are extended 60 days ahead while the gateway runs and can use them: see its log. The owners of the others are told by mail: they log in, or bring their certificate again. By hand: sealpost key rotate ADDRESS",
  },
];
