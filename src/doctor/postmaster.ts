import { formatAddress, type Domain } from "../mail/address.ts";
import { ok, skip, warn, type Judgement } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Whether somebody reads what is sent to postmaster, at each domain, at the host and without a domain. */
export const postmasterCheck: Check<Pick<DoctorDeps, "database" | "postmaster">> = {
  name: "postmaster",
  why: "Whoever runs another mail server writes there about trouble with this one; every server that takes mail must have a postmaster (RFC 5321 §4.5.1). Mail that nobody reads is refused with 550.",
  run: async ({ database, postmaster }) => {
    if (postmaster === undefined) {
      return [skip("mail for postmaster", "no listener takes mail ([listen.mx], [listen.lmtp])")];
    }
    if (database.kind === "closed" || !database.isMigrated) {
      return [skip("mail for postmaster", "the database cannot be read (see database)")];
    }
    const unread: Domain[] = [];
    for (const place of postmaster.places) {
      if (!(await postmaster.isRead(database.store, place))) unread.push(place);
    }
    return [judge(postmaster, unread)];
  },
};

function judge(
  { places, configured }: NonNullable<DoctorDeps["postmaster"]>,
  unread: readonly Domain[],
): Judgement {
  if (unread.length === 0) return ok(`mail for postmaster at ${places.join(", ")} is read`);
  const why =
    configured === undefined
      ? "no account is configured for it"
      : `${formatAddress(configured)}, which is configured for it, is no open account here`;
  return warn(
    `nobody reads mail for postmaster at ${unread.join(", ")}: ${why}`,
    'Name an account that somebody reads in the configuration file, at its top: postmaster = "ADDRESS". Then restart Sealpost.',
  );
}
