import { DAY, after } from "../base/time.ts";
import type { TlsView } from "../fetch/probe.ts";
import { type Judgement, fail, ok, skip, warn } from "./finding.ts";
import { type Check, type Target, type Visit, placeName } from "./visit.ts";

const RENEW_BEFORE_MS = 14 * DAY;

/** Whether each address of each target shows a certificate that senders accept, for some time to come. */
export const tls: Check<Visit> = {
  name: "tls",
  why: "Senders take a key only over TLS, from a server whose certificate names the host that the SRV record names.",
  run: async ({ targets, domain, deps }) =>
    targets.length === 0
      ? [skip("the keyserver's certificate", "no SRV record names a host")]
      : targets.flatMap((target) => judgeTls(target, domain, deps.clock.now())),
};

export function judgeTls(target: Target, domain: string, now: Date): readonly Judgement[] {
  const { tls: views, addresses } = target;
  const place = placeName(target);
  if (typeof views !== "string") return views.map((view) => judgeView(view, target, domain, now));
  if (addresses.answer.kind !== "answer")
    return [skip(`the certificate of ${place}`, "the host has no address to connect to")];
  return [
    fail(
      `${place} may not be connected to: ${views}`,
      "Use a public address and port 443. For a test in a private network list it under discovery.allow_networks, and the port under discovery.ports.",
    ),
  ];
}

function judgeView(view: TlsView, target: Target, domain: string, now: Date): Judgement {
  const where = `${placeName(target)} (${view.address})`;
  if (view.kind === "unseen") {
    return fail(
      `${where} cannot be reached: ${view.reason}`,
      "Start the keyserver (sealpost serve --role keyserver) and let the firewall pass the port. Its log says why it ended.",
    );
  }
  if (view.distrust !== undefined) {
    return fail(
      `${where} shows a certificate that nobody trusts: ${view.distrust}`,
      "Get a valid certificate of a public authority, with the whole chain in tls.certificate_file; then reload the keyserver.",
    );
  }
  const renew = `Get a certificate that names ${target.host}, put it where tls.certificate_file says, and reload the keyserver.`;
  if (!view.isNamed(target.host)) {
    return view.isNamed(domain)
      ? warn(`${where} names ${view.names} only: some senders insist on ${target.host}`, renew)
      : fail(`${where} shows a certificate for another name: ${view.names}`, renew);
  }
  const until = view.validUntil.toISOString().slice(0, 10);
  return view.validUntil < after(now, RENEW_BEFORE_MS)
    ? warn(`the certificate of ${where} ends on ${until}`, renew)
    : ok(`${where} shows a certificate for ${target.host}, good until ${until}`);
}
