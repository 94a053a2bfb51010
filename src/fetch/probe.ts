import { createHash } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";

import { errorText } from "../base/errors.ts";
import { checkedAddresses } from "./checked-addresses.ts";
import { DEFAULT_LIMITS } from "./fetch.ts";
import { isNamedBy, requestPinned } from "./https-request.ts";
import { mayUsePort } from "./ports.ts";
import type { FetchDeps, GetResult } from "./request.ts";

/** A host's name and a port. */
export type ProbePlace = { readonly host: string; readonly port: number };

/** What a TLS server shows at one address of a host, whether or not it can be trusted. */
export type TlsView =
  | {
      readonly kind: "seen";
      readonly address: string;
      /** Whether the certificate shows this name, by the rules of look-ups (RFC 9525 §6). */
      readonly isNamed: (host: string) => boolean;
      /** All names that it shows, as it lists them. */
      readonly names: string;
      readonly validUntil: Date;
      /** Why nobody trustworthy vouches for it; undefined when somebody does. Names are not looked at. */
      readonly distrust: string | undefined;
      /** SHA-256 of its public key, as TLSA records have it (RFC 6698 §2.1.3). */
      readonly spkiSha256: Uint8Array;
    }
  | { readonly kind: "unseen"; readonly address: string; readonly reason: string };

/**
 * What `doctor` sees of a server beyond a look-up: its certificate, and what it answers to other requests. The same
 * addresses and ports are allowed as for look-ups of our own users. Nothing rejects.
 */
export type Probe = {
  /** Every address of the host; a text when there is none that we may connect to. */
  readonly tls: (place: ProbePlace) => Promise<readonly TlsView[] | string>;
  /** One request without a body, at the first address; it follows no redirect. */
  readonly request: (
    place: ProbePlace & { readonly path: string; readonly method: "GET" | "POST" },
  ) => Promise<GetResult>;
};

/** @throws AppError when `allowNetworks` holds something that is no CIDR range. */
export function httpsProbe(deps: FetchDeps): Probe {
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const addressesOf = checkedAddresses(deps);
  const placesOf = async ({ host, port }: ProbePlace, signal: AbortSignal) => {
    if (!mayUsePort(port, deps.ports, false)) return `port ${port} is not allowed`;
    const checked = await addressesOf(host, signal);
    return checked.kind === "none" ? checked.reason : checked.addresses;
  };
  return {
    tls: async (place) => {
      const signal = AbortSignal.timeout(limits.totalMs);
      const addresses = await placesOf(place, signal);
      if (typeof addresses === "string") return addresses;
      const limitMs = limits.connectMs + limits.tlsMs;
      return await Promise.all(
        addresses.map(async (address) => lookAt(place, address, deps.ca, limitMs)),
      );
    },
    request: async (request) => {
      const signal = AbortSignal.timeout(limits.totalMs);
      const addresses = await placesOf(request, signal);
      if (typeof addresses === "string") return { kind: "failed", reason: addresses };
      const [address = ""] = addresses;
      return await requestPinned({
        ...request,
        accept: "*/*",
        address,
        ca: deps.ca,
        limits,
        signal,
      });
    },
  };
}

/** Shakes hands, sends nothing, and ends the connection. What is distrusted is seen nevertheless, and said. */
async function lookAt(
  { host, port }: ProbePlace,
  address: string,
  ca: string | undefined,
  limitMs: number,
): Promise<TlsView> {
  const socket = connect({
    host: address,
    port,
    servername: host,
    ca,
    minVersion: "TLSv1.2",
    rejectUnauthorized: false,
    // The name is judged below, apart from the rest.
    checkServerIdentity: () => undefined,
  });
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  socket.once("secureConnect", resolve);
  socket.once("error", reject);
  socket.once("close", () => {
    reject(new Error("closed before TLS was agreed"));
  });
  const timer = setTimeout(() => {
    reject(new Error("connection or TLS: too slow"));
  }, limitMs);
  try {
    await promise;
    return viewOf(socket, address);
  } catch (error) {
    return { kind: "unseen", address, reason: errorText(error) };
  } finally {
    clearTimeout(timer);
    socket.on("error", () => undefined); // We are done with it, however it ends.
    socket.destroy();
  }
}

function viewOf(socket: TLSSocket, address: string): TlsView {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { kind: "unseen", address, reason: "no certificate" };
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return {
    kind: "seen",
    address,
    isNamed: (host) => isNamedBy(certificate, host),
    names: (certificate.subjectAltName ?? "no name").replaceAll("DNS:", ""),
    validUntil: certificate.validToDate,
    distrust: socket.authorized ? undefined : errorText(socket.authorizationError),
    spkiSha256: createHash("sha256").update(spki).digest(),
  };
}
