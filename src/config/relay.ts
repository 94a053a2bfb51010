/** The table [relay]: where mail goes next, and how that server is spoken to. */
import { z } from "zod";

import { domain, host as hostName, hostAndPort, note, path, portNumber, text } from "./values.ts";

const protocol = z.enum(["smtp", "lmtp"]);
const tls = z.enum(["offered", "required", "none"]);
const forward = z.enum(["none", "xclient", "xforward"]);
/** A visible text: it stands in commands. */
const user = text.regex(/^[^\p{Cc}]+$/u, "holds a control character");

/** An entry of [relay.hosts]; what it does not say is as by default, whatever [relay] says. */
const hop = z
  .strictObject({
    host: hostName.optional(),
    port: portNumber.min(1).optional(),
    socket: note(text.optional(), "As in [relay].", path),
    protocol: protocol.optional(),
    tls: tls.optional(),
    ca_file: note(text.optional(), "As in [relay].", path),
    server_name: domain.optional(),
    user: user.optional(),
    password_file: note(text.optional(), "As in [relay].", path),
    forward: forward.optional(),
  })
  .superRefine(({ host, port, socket }, context) => {
    const isPlace = socket === undefined ? host !== undefined && port !== undefined : true;
    if (!isPlace) context.addIssue("needs host and port, or socket");
    if (socket !== undefined && (host !== undefined || port !== undefined)) {
      context.addIssue("has a socket beside host or port; name one of the two");
    }
  });

/** The table [relay]. */
export const relay = note(
  z
    .strictObject({
      host: note(hostName.default("127.0.0.1"), "The next hop for mail that leaves."),
      port: note(portNumber.min(1).default(10_025), "Its port; not that of our own mx."),
      socket: note(text.optional(), "Its unix socket, instead of host and port.", {
        ...path,
        example: "/var/spool/postfix/public/from-sealpost",
      }),
      protocol: note(protocol.default("smtp"), "What it speaks; lmtp is RFC 2033."),
      tls: note(
        tls.default("offered"),
        "offered: STARTTLS where the hop offers it, nobody checks its certificate; required: only with a certificate that names it, else mail waits; none: never.",
      ),
      ca_file: note(
        text.optional(),
        "Certificate authorities for its certificate, PEM, with tls = required; without it, the system's.",
        { ...path, example: "ca.pem" },
      ),
      server_name: note(
        domain.optional(),
        "The name in its certificate, with tls = required; without it, host.",
        { example: "smtp.alpha.example" },
      ),
      user: note(
        user.optional(),
        "The user that we log in as (AUTH PLAIN): only with tls = required, at a socket or on loopback.",
        { example: "sealpost" },
      ),
      password_file: note(
        text.optional(),
        "The file with that user's password on its only line, mode 0600 or a systemd credential.",
        { ...path, example: "secrets/relay.password" },
      ),
      forward: note(
        forward.default("none"),
        "Whether the hop is told the submitting client's address and login, so that its limits count users: xclient, it acts as if the client were there; xforward, for its log and filters, without the login.",
      ),
      idle_seconds: note(
        z.int().min(0).max(300).default(5),
        "How long a connection to a hop waits for the next message; 0: it never does.",
        { unit: "seconds" },
      ),
      messages_per_connection: note(
        z.int().min(1).max(10_000).default(100),
        "Most messages on one connection to a hop.",
      ),
      hosts: note(
        z
          .record(
            domain,
            z.preprocess((value, context) => {
              if (typeof value !== "string") return value;
              const place = hostAndPort.safeParse(value);
              if (place.success) return place.data;
              context.addIssue(place.error.issues[0]?.message ?? "is not host:port");
              return z.NEVER;
            }, hop),
          )
          .default({}),
        "Domains with another next hop: host:port each, or a table with the fields of [relay] but the last three. It takes nothing over from [relay].",
        { example: { "beta.example": "192.0.2.25:25" } },
      ),
    })
    .prefault({}),
  "Where mail goes next. Sealpost looks up no MX: the mail server beside it does.",
);
