/** The tables about places: where to listen and with which certificate, where DNS and keyservers are. */
import { z } from "zod";

import { isLoopback } from "../base/network.ts";
import { domain, network, note, path, portNumber, text } from "./values.ts";

/** The table [tls]. */
export const tls = note(
  z
    .strictObject({
      certificate_file: note(text.default("tls/certificate.pem"), "Certificate chain, PEM.", path),
      key_file: note(text.default("tls/key.pem"), "Its private key, PEM.", path),
    })
    .prefault({}),
  "The certificate that all listeners show; it must name the host and the keyserver.",
);

/** The table [resolver]. */
export const resolver = note(
  z
    .strictObject({
      host: note(
        text
          .refine(
            isLoopback,
            "is not an address of this machine (127.0.0.0/8 or ::1): what another one says of DNSSEC can be changed on the way. Run a validating resolver here",
          )
          .default("127.0.0.1"),
        "A resolver that validates DNSSEC, on loopback.",
      ),
      port: note(portNumber.min(1).default(53), "Its port."),
      timeout_ms: note(z.int().min(100).max(5000).default(5000), "Limit for one answer.", {
        unit: "ms",
      }),
      signed_name: note(text.default("."), "A name that is signed: the self-test asks it."),
      bogus_name: note(
        text.optional(),
        "A name that is deliberately bogus: the self-test expects SERVFAIL.",
        { example: "dnssec-failed.org" },
      ),
    })
    .prefault({}),
  "Where DNS is asked. While its self-test fails, every recipient counts as unreachable.",
);

/** The tables below [listen]. */
export const listeners = note(
  z
    .strictObject({
      submission: listen("Mail from users, implicit TLS (RFC 8314).", "0.0.0.0", 465),
      submission_starttls: listen("Mail from users, STARTTLS before AUTH.", "0.0.0.0", 587),
      mx: listen("Mail from other providers.", "0.0.0.0", 25),
      lmtp: listen("Mail from the mail server beside us (RFC 2033).", "127.0.0.1", 24),
      keyserver: note(
        z.strictObject({
          host: note(text.default("0.0.0.0"), "Address to listen at."),
          port: note(portNumber.default(443), "Port; the SRV record names it."),
          name: note(domain.optional(), "Name in the SRV record; without it, the hostname.", {
            example: "keys.alpha.example",
          }),
        }),
        "The keyserver that the SRV record announces, HTTPS.",
      ).optional(),
      metrics: listen("/healthz, /readyz and /metrics; keep it private.", "127.0.0.1", 9464),
    })
    .prefault({}),
  "Where to listen. A table that is absent is not listened at.",
);

/** The table [discovery]. */
export const discovery = note(
  z
    .strictObject({
      ca_file: note(
        text.optional(),
        "Certificate authorities for keyservers, PEM; without it, the system's.",
        { ...path, example: "ca.pem" },
      ),
      allow_networks: note(
        z.array(network).default([]),
        "Private networks in which a keyserver may stand. Leave empty outside tests.",
        { example: ["127.0.0.0/8"] },
      ),
      ports: note(
        z.array(portNumber.min(1)).default([443]),
        "Ports for every look-up; others below 1024 never, and from 1024 on only for mail that our users send.",
      ),
      force_network: note(
        z.boolean().default(false),
        "Ask our own keyserver over the network as well, instead of the database. For tests.",
      ),
    })
    .prefault({}),
  "How certificates of others are looked for.",
);

/** A place to listen at; a table that is absent is not listened at. */
function listen(description: string, host: string, port: number) {
  return note(
    z.strictObject({
      host: note(text.default(host), "Address to listen at."),
      port: note(portNumber.default(port), "Port; 0 lets the system choose and prints it."),
    }),
    description,
  ).optional();
}
