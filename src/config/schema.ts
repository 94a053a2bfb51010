/**
 * The configuration file: every field with what it is, its unit and its default, once. `config.ts` checks a file against
 * it, `describe.ts` prints it, and `init` writes the file it begins with. Names here are those of the file; `Config` has
 * them in camel case. The tables about places are in `places.ts` and `relay.ts`, those about limits in `limits.ts`, those about
 * mail that users submit in `submission.ts`.
 */
import { z } from "zod";

import { keyserver, limits } from "./limits.ts";
import { discovery, listeners, resolver, tls } from "./places.ts";
import { relay } from "./relay.ts";
import { notices, submission } from "./submission.ts";
import { address, domain, note, path, text } from "./values.ts";

/** The four policies, strictest first (RFC 9787 §9.6 asks that the user's choice is one per message). */
export const policyNames = ["require", "prefer-pickup", "prefer-clear", "off"] as const;
const policyName = z.enum(policyNames);

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
      published_file: note(
        text.optional(),
        "Where certificates and revocations are appended as they are published: `sealpost restore` reads it, so that nothing is un-revoked. Without it, path with .published behind it, or sealpost.published beside this file.",
        { ...path, example: "/var/lib/sealpost/sealpost.published" },
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

const storage = note(
  z
    .strictObject({
      bodies: note(
        z.enum(["database", "folder"]).default("database"),
        "Where the bodies of new messages go; those that are stored already stay where they are.",
      ),
      bodies_folder: note(
        text.default("/var/lib/sealpost/bodies"),
        "The folder of bodies: this installation's alone, shared by all its hosts, and no other program may write to it. Name it as long as there are bodies in it.",
        path,
      ),
    })
    .prefault({}),
  "Where the bodies of messages are kept. They are encrypted.",
);

const secrets = note(
  z
    .strictObject({
      service_key_file: note(
        text.default("secrets/service.key"),
        "The service root key: 32 random bytes, mode 0600 or a systemd credential, outside dumps and backups.",
        path,
      ),
    })
    .prefault({}),
  "Files with secrets. Nothing secret stands in this file.",
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
      autocrypt: note(
        z.enum(["remove", "replace"]).default("remove"),
        "What becomes of the key that a mail program announces in an Autocrypt field: nobody here could open what is encrypted to it. remove: the field does not leave; replace: it leaves with the published key. A field that has the published key stays.",
      ),
      recovery_code: note(
        z.boolean().default(true),
        "`account add` makes a recovery code and shows it once: the way back when a password is lost.",
      ),
      unlock_page: note(
        z.url({ protocol: /^https$/ }).optional(),
        "The page where users open keys that are locked since their password changed elsewhere; refused senders are told it.",
        { example: "https://mail.alpha.example/unlock" },
      ),
      backfill_per_minute: note(
        z.int().min(0).max(10_000).default(60),
        "How many accounts without a key get one in a minute, before their first login; 0: at the login alone. Until that login Sealpost can use such a key by itself, and says so.",
      ),
    })
    .prefault({}),
  "The keys that Sealpost makes.",
);

const sealing = note(
  z
    .strictObject({
      legacy_display: note(
        z.boolean().default(true),
        "The subject stands once more at the top of the text, for readers whose program does not know protected header fields (RFC 9788). false: they see [...] alone.",
      ),
    })
    .prefault({}),
  "How mail is sealed.",
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

const revocations = note(
  z
    .strictObject({
      alarm_per_hour: note(
        z.int().min(1).default(20),
        "More within an hour are an alarm: in the log, the audit log and `sealpost doctor`, until an operator ends it.",
      ),
      alarm_per_day: note(z.int().min(1).default(100), "As alarm_per_hour, within a day."),
      stop_per_day: note(
        z.int().min(0).default(500),
        "So many within a day, and the release stops until an operator says go on (`sealpost key revocations --go-on`); 0: never. Users who revoke with their password are never stopped.",
      ),
    })
    .prefault({}),
  "How many generic revocations may be released: those that are kept with each key, for when it cannot be opened.",
);

const log = note(
  z
    .strictObject({
      level: note(
        z.enum(["silent", "error", "warn", "info", "debug"]).default("info"),
        "Lines less severe than this are left out.",
      ),
      file: note(
        text.optional(),
        "Write the log to this file instead of stdout; SIGHUP opens it again, after it was rotated.",
        { ...path, example: "/var/log/sealpost/sealpost.log" },
      ),
      client_address: note(
        z.enum(["full", "network", "none"]).default("full"),
        "What a line says of the client of a listener: the whole address, its /24 or /48 network, or nothing.",
      ),
    })
    .prefault({}),
  "The log, one JSON document a line.",
);

/** The whole file. */
export const configSchema = z.strictObject({
  domains: note(z.array(domain).min(1), "The mail domains served here.", {
    example: ["alpha.example"],
  }),
  hostname: note(domain, "The name this server has: greeting, Received fields, certificate.", {
    example: "mail.alpha.example",
  }),
  postmaster: note(
    address.optional(),
    "The account that gets mail for postmaster at each domain and at the hostname, where there is no account of that name (RFC 5321 §4.5.1).",
    { example: "ada@alpha.example" },
  ),
  database,
  storage,
  secrets,
  tls,
  resolver,
  listen: listeners,
  relay,
  discovery,
  policy,
  keys,
  sealing,
  submission,
  notices,
  escrow,
  revocations,
  limits,
  keyserver,
  log,
});
