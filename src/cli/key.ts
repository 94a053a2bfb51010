import { formatAddress } from "../mail/address.ts";
import { listPublished, type PublishedCertificate } from "../store/certificates.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, notFound } from "./command.ts";
import { openFor } from "./open.ts";

/** `key show ADDRESS`. */
export const keyCommands: readonly Command[] = [
  {
    name: "key show",
    operands: ["ADDRESS"],
    summary: "the key of an account: fingerprint, state, dates, custody",
    options: {},
    run: show,
  },
];

async function show(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  const all = await listPublished(parts.store, account.address);
  const shown = all.find(({ state }) => state === "active") ?? all[0];
  if (shown === undefined) throw notFound(`${formatAddress(address)} has no key`);
  const view = { ...viewOf(shown, parts.clock.now()), custody: account.custody };
  return answer(call, view, [
    `fingerprint  ${view.fingerprint}`,
    `state        ${view.state}`,
    `created      ${view.created}`,
    `expires      ${view.expires ?? "never"}`,
    `custody      ${view.custody}`,
    `published    ${view.published ? "yes, by address and by fingerprint" : "by fingerprint only"}`,
  ]);
}

function viewOf(certificate: PublishedCertificate, now: Date) {
  const { address, fingerprint, state, version, createdAt, expiresAt, revokedAt } = certificate;
  const isExpired = expiresAt !== undefined && expiresAt <= now;
  return {
    address: formatAddress(address),
    fingerprint,
    state: isExpired && state === "active" ? "expired" : state,
    created: createdAt.toISOString(),
    expires: expiresAt?.toISOString() ?? null,
    revoked: revokedAt?.toISOString() ?? null,
    published: state === "active" && !isExpired,
    version,
  };
}
