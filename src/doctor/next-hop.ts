import { failNow, type Judgement, ok, warn } from "./finding.ts";
import type { Check, DoctorDeps, HopToSee } from "./visit.ts";

/** Whether the next hops would take our mail, and all of what submission takes; they are sent no mail. */
export const nextHopCheck: Check<Pick<DoctorDeps, "hops" | "sealedBytes">> = {
  name: "relay",
  why: "All mail that leaves goes through the next hop: while it is down, users are told to try again, and bounces and notices wait. What is too large for it is answered 552.",
  run: async ({ hops, sealedBytes }) =>
    (await Promise.all(hops.map(async (hop) => judge(hop, sealedBytes)))).flat(),
};

async function judge(
  { place, forward, look }: HopToSee,
  sealedBytes: number,
): Promise<readonly Judgement[]> {
  const view = await look();
  if (view.kind === "closed") {
    return [
      failNow(
        `the next hop ${place} takes no mail from us: ${view.why.replace(/; .*--use-system-ca.*$/s, "")}`,
        adviceFor(view.why, place),
      ),
    ];
  }
  const { sizeBytes, isForwardOffered } = view;
  return [
    sizeBytes !== undefined && sizeBytes < sealedBytes
      ? warn(
          `the next hop ${place} takes messages of ${String(sizeBytes)} bytes, and the largest that submission takes may need ${String(sealedBytes)} once it is sealed`,
          `Raise its limit; Postfix: postconf -e message_size_limit=${String(sealedBytes)} && postfix reload. Or lower limits.message_bytes.`,
        )
      : ok(`the next hop ${place} answers, and takes all that submission takes`),
    ...(isForwardOffered
      ? []
      : [
          warn(
            `the next hop ${place} does not offer us ${forward.toUpperCase()}: it counts all mail as ours`,
            `Let it: in Postfix, add this host to smtpd_authorized_${forward}_hosts. Or set forward = "none".`,
          ),
        ]),
  ];
}

/** By what OpenSSL, Node and mail servers say of each cause. */
const ADVICE: readonly (readonly [cause: RegExp, todo: string])[] = [
  [
    /altnames|does not match certificate/i,
    "Name the name that stands in its certificate under server_name in [relay], or give the mail server a certificate that names host.",
  ],
  [
    /self.signed certificate|unable to (get|verify)|certificate chain|UNABLE_TO_|SELF_SIGNED/i,
    "Name the authority that issued its certificate under ca_file in [relay].",
  ],
  [
    /\b53[0458]\b|\b5\.7\.8\b|authentication|password|AUTH PLAIN/i,
    "Set user in [relay] to the user that the mail server knows, and write their password into password_file.",
  ],
];

function adviceFor(why: string, place: string): string {
  const known = ADVICE.find(([cause]) => cause.test(why));
  return (
    known?.[1] ??
    `Start the mail server there, or name another one under [relay]. Test: ${testOf(place)} (must print a line that begins with 220)`
  );
}

function testOf(place: string): string {
  const [, socket] = /^unix:(.*)$/.exec(place) ?? [];
  if (socket !== undefined) return `nc -U ${socket}`;
  const at = place.lastIndexOf(":");
  return `nc ${place.slice(0, at)} ${place.slice(at + 1)}`;
}
