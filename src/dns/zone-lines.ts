import type { EmailAddress } from "../mail/address.ts";
import { openpgpkeyName } from "../mail/openpgpkey-label.ts";

/** A line of a zone file, with why it stands there. `name` ends in a dot. */
export type ZoneLine = {
  readonly name: string;
  readonly ttl: number;
  readonly type: "SRV" | "CNAME" | "TLSA" | "TYPE61";
  readonly data: string;
  readonly why: string;
};

/** The keyserver as the world knows it: its name without final dot, and its port. */
export type KeyserverPlace = { readonly name: string; readonly port: number };

const TTL_SECONDS = 3600;
/** Sole keyserver, so priority and weight decide nothing yet. */
const PRIORITY_AND_WEIGHT = "10 100";

/** The record that announces the keyserver of a mail domain (RFC 2782): service `_hkp`, always HTTPS. */
export function announcement(domain: string, keyserver: KeyserverPlace): ZoneLine {
  return service(`_hkp._tcp.${domain}`, keyserver, "senders ask this");
}

/** The same under two other names that programs ask. */
export function courtesyLines(domain: string, keyserver: KeyserverPlace): readonly ZoneLine[] {
  return [
    service(`_hkps._tcp.${domain}`, keyserver, "courtesy: some programs ask this"),
    service(
      `_pgpkey-https._tcp.${keyserver.name}`,
      keyserver,
      "courtesy: GnuPG asks this when the keyserver is configured by name",
    ),
  ];
}

/** The name of the host that Web Key Directory clients ask for a domain (draft-koch-openpgp-webkey-service §3.1). */
export function directoryHost(domain: string): string {
  return `openpgpkey.${domain}`;
}

/** Leads Web Key Directory clients to the keyserver; undefined when that has the name already. */
export function directoryLine(domain: string, keyserver: KeyserverPlace): ZoneLine | undefined {
  const host = directoryHost(domain);
  if (keyserver.name === host) return undefined;
  return line(
    host,
    "CNAME",
    `${keyserver.name}.`,
    `Web Key Directory: GnuPG and others ask this host for keys and for the policy file, which the keyserver has; its TLS certificate must name ${host}`,
  );
}

/** Binds the keyserver's TLS key: DANE-EE, its public key, SHA-256 (RFC 6698 §2.1, §3). */
export function tlsaLine(keyserver: KeyserverPlace, spkiSha256: Uint8Array): ZoneLine {
  return line(
    `_${keyserver.port}._tcp.${keyserver.name}`,
    "TLSA",
    `3 1 1 ${Buffer.from(spkiSha256).toString("hex")}`,
    "optional: binds the keyserver's TLS key; publish a new one before the key changes",
  );
}

/** A certificate in the DNS, as a type that programs need not know (RFC 7929 §2, RFC 3597 §5). */
export function openpgpkeyLine(address: EmailAddress, certificate: Uint8Array): ZoneLine {
  const hex = Buffer.from(certificate).toString("hex");
  return line(
    openpgpkeyName(address),
    "TYPE61",
    String.raw`\# ${certificate.length} ${hex}`,
    "optional: OPENPGPKEY; print it again after every change of the key",
  );
}

/** The line as a zone file has it, with why as a comment. */
export function zoneFileLine(one: ZoneLine): string {
  return `${recordText(one)} ; ${one.why}`;
}

/** The record alone. */
export function recordText({ name, ttl, type, data }: ZoneLine): string {
  return `${name} ${ttl} IN ${type} ${data}`;
}

function service(owner: string, { name, port }: KeyserverPlace, why: string): ZoneLine {
  return line(owner, "SRV", `${PRIORITY_AND_WEIGHT} ${port} ${name}.`, why);
}

function line(owner: string, type: ZoneLine["type"], data: string, why: string): ZoneLine {
  return { name: `${owner}.`, ttl: TTL_SECONDS, type, data, why };
}
