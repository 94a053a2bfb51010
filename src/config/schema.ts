/**
 * The configuration file: every field with what it is, its unit and its default, once. `load.ts` checks a file against
 * it, `describe.ts` prints it, and `init` writes the file it begins with. Names here are those of the file; `Config` has
 * them in camel case.
 */
import { isIP, isIPv6 } from "node:net";
import { z } from "zod";
import { parseDomain } from "../mail/address.ts";

/** What `describe` prints beside a field. `isPath`: relative to the file's folder. */
export type FieldNote = {
  readonly description: string;
  readonly unit?: string;
  readonly isPath?: true;
  readonly example?: unknown;
};

function note<S extends z.ZodType>(schema: S, description: string, more?: Partial<FieldNote>): S {
  return schema.meta({ description, ...more });
}

const domain = z.string().transform((text, context) => {
  const parsed = parseDomain(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is not a domain name` });
  return z.NEVER;
});

const hostAndPort = z.string().transform((text, context) => {
  const match = /^\[?([^[\]\s]+?)\]?:(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] !== undefined && port >= 1 && port <= 65_535) return { host: match[1], port };
  context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is not host:port` });
  return z.NEVER;
});

function isNetwork(text: string): boolean {
  const [address = "", bits = "", ...rest] = text.split("/");
  const most = isIPv6(address) ? 128 : 32;
  return rest.length === 0 && isIP(address) > 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}

const network = z.string().refine(isNetwork, "is not a network such as 192.0.2.0/24");
const text = z.string().min(1);
const path = { isPath: true } as const;
const portNumber = z.int().min(0).max(65_535);

/** The four policies, strictest first (RFC 9787 §9.6 asks that the user's choice is one per message). */
export const policyNames = ["require", "prefer-pickup", "prefer-clear", "off"] as const;
const policyName = z.enum(policyNames);

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

const database = note(
  z
    .strictObject({
      engine: note(z.enum(["sqlite", "postgres"]).default("sqlite"), "Which database."),
      path: note(text.default("sealpost.db"), "The database file; engine sqlite.", path),
      url: note(
        z.url({ protocol: /^postgres(ql)?$/ }).optional(),
        "Where the database is; engine postgres. Leave the password to a .pgpass file or a local socket.",
        { example: "postgres:///sealpost?host=/run/postgresql" },
      ),
      keyserver_url: note(
        z.url({ protocol: /^postgres(ql)?$/ }).optional(),
        "As url, for the keyserver role: a database role that can read what is published and nothing else. `sealpost database grants ROLE` prints how to make it; without it the keyserver uses url.",
        { example: "postgres:///sealpost?host=/run/postgresql&user=sealpost_keyserver" },
      ),
    })
    .refine((d) => d.engine !== "postgres" || d.url !== undefined, {
      message: 'engine "postgres" needs a url',
      path: ["url"],
    })
    .prefault({}),
  "Where keys, accounts, mail and traces are kept.",
);

const secrets = note(
  z
    .strictObject({
      service_key_file: note(
        text.default("secrets/service.key"),
        "The service root key: 32 random bytes, mode 0600, outside dumps and backups.",
        path,
      ),
    })
    .prefault({}),
  "Files with secrets. Nothing secret stands in this file.",
);

const tls = note(
  z
    .strictObject({
      certificate_file: note(text.default("tls/certificate.pem"), "Certificate chain, PEM.", path),
      key_file: note(text.default("tls/key.pem"), "Its private key, PEM.", path),
    })
    .prefault({}),
  "The certificate that all listeners show; it must name the host and the keyserver.",
);

const resolver = note(
  z
    .strictObject({
      host: note(text.default("127.0.0.1"), "A resolver that validates DNSSEC, on loopback."),
      port: note(portNumber.min(1).default(53), "Its port."),
      timeout_ms: note(z.int().min(100).max(5000).default(5000), "Limit for one answer.", {
        unit: "ms",
      }),
      signed_name: note(text.default("."), "A name that is signed: the self-test asks it."),
      bogus_name: note(
        text.optional(),
        "A name that is deliberately bogus: the self-test expects SERVFAIL.",
        { example: "dnssec-failed.example" },
      ),
    })
    .prefault({}),
  "Where DNS is asked. While its self-test fails, every recipient counts as unreachable.",
);

const listeners = note(
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
      metrics: listen("/healthz and /readyz; keep it private.", "127.0.0.1", 9464),
    })
    .prefault({}),
  "Where to listen. A table that is absent is not listened at.",
);

const relay = note(
  z
    .strictObject({
      host: note(text.default("127.0.0.1"), "The next hop for mail that leaves."),
      port: note(portNumber.min(1).default(10_025), "Its port; not that of our own mx."),
      hosts: note(
        z.record(domain, hostAndPort).default({}),
        "Domains with another next hop, host:port each.",
        { example: { "beta.example": "192.0.2.25:25" } },
      ),
    })
    .prefault({}),
  "Where mail goes next. Sealpost looks up no MX: the mail server beside it does.",
);

const discovery = note(
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

const policy = note(
  z
    .strictObject({
      default: note(policyName.default("prefer-clear"), "Where neither domain nor user says more."),
      domains: note(
        z
          .record(
            domain,
            z.strictObject({ policy: policyName, enforced: z.boolean().default(false) }),
          )
          .default({}),
        "Per domain; enforced = true with require: users cannot weaken it.",
        { example: { "alpha.example": { policy: "require", enforced: true } } },
      ),
    })
    .prefault({}),
  "What happens to mail for recipients without a certificate.",
);

const keys = note(
  z
    .strictObject({
      profile: note(
        z.enum(["compat", "modern"]).default("compat"),
        "compat: version 4, read by every OpenPGP program; modern: version 6 (RFC 9580).",
      ),
      recovery_code: note(
        z.boolean().default(true),
        "`account add` makes a recovery code and shows it once: the way back when a password is lost.",
      ),
      backfill_per_minute: note(
        z.int().min(0).max(10_000).default(60),
        "How many accounts without a key get one in a minute, before their first login; 0: at the login alone. Until that login Sealpost can use such a key by itself, and says so.",
      ),
    })
    .prefault({}),
  "The keys that Sealpost makes.",
);

const escrow = note(
  z
    .strictObject({
      certificate_file: note(
        text.optional(),
        "OpenPGP certificate of the organisation: every new master key is encrypted to it as well. Without it there is no escrow.",
        { ...path, example: "escrow.asc" },
      ),
      users_may_delete: note(
        z.boolean().default(true),
        "Users may end the escrow of their keys for good.",
      ),
    })
    .prefault({}),
  "A way into users' keys for the organisation, off by default; every use is audited.",
);

const limits = note(
  z
    .strictObject({
      message_bytes: note(
        z.int().min(65_536).max(52_428_800).default(26_214_400),
        "Largest submitted message; the other sizes derive from it.",
        { unit: "bytes" },
      ),
      recipients: note(z.int().min(1).max(1000).default(100), "Most recipients of one message."),
      mailbox_bytes: note(
        z.int().min(1_048_576).default(2_147_483_648),
        "Most that one mailbox may hold; beyond it mail is answered 452.",
        { unit: "bytes" },
      ),
      pending_bytes: note(
        z.int().min(1_048_576).default(536_870_912),
        "Most that may wait for one reader's key.",
        { unit: "bytes" },
      ),
      connections: note(z.int().min(1).max(10_000).default(100), "Most clients of one listener."),
      idle_ms: note(z.int().min(1000).max(600_000).default(300_000), "A silent client is let go.", {
        unit: "ms",
      }),
    })
    .prefault({}),
  "What one message and one client may use.",
);

const log = note(
  z
    .strictObject({
      level: note(
        z.enum(["silent", "error", "warn", "info", "debug"]).default("info"),
        "Lines less severe than this are left out.",
      ),
    })
    .prefault({}),
  "The log goes to stdout, one JSON document a line.",
);

/** The whole file. */
export const configSchema = z.strictObject({
  domains: note(z.array(domain).min(1), "The mail domains served here.", {
    example: ["alpha.example"],
  }),
  hostname: note(domain, "The name this server has: greeting, Received fields, certificate.", {
    example: "mail.alpha.example",
  }),
  database,
  secrets,
  tls,
  resolver,
  listen: listeners,
  relay,
  discovery,
  policy,
  keys,
  escrow,
  limits,
  log,
});
