/** A listener of ours for tests: takes everything from alice, remembers it, and can be told to do otherwise. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import assert from "node:assert/strict";
import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { formatAddress } from "../../src/mail/address.ts";
import type { Envelope } from "../../src/mail/envelope.ts";
import type { Client, Handlers, LoginAnswer } from "../../src/smtp/listener/handlers.ts";
import {
  startListener,
  type Listener,
  type ListenerOptions,
} from "../../src/smtp/listener/listener.ts";
import { reply } from "../../src/smtp/smtp.ts";
import { RawSmtp } from "./raw-smtp.ts";

export type Login = { readonly name: string };

export type Taken = {
  readonly client: Client<Login>;
  readonly envelope: Envelope;
  readonly text: string;
};

export type TestListener = Listener & { readonly taken: readonly Taken[] };

export const NAME = "mail.alpha.test";
export const PASSWORD = "correct horse ö";
export const PLAIN = Buffer.from(`\0alice@alpha.test\0${PASSWORD}`).toString("base64");
export const MESSAGE = "From: a@alpha.test\r\nSubject: hi\r\n\r\nbody\r\n";

/** Before the tests of a file: an authority and a certificate for `NAME`; after them their folder is removed. */
export function withPki(): () => { readonly pki: Pki; readonly issued: IssuedCertificate } {
  let dir = "";
  let made: { readonly pki: Pki; readonly issued: IssuedCertificate } | undefined;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "sealpost-pki-"));
    const pki = await makePki(dir);
    made = { pki, issued: await pki.issue([NAME]) };
  });
  after(async () => rm(dir, { recursive: true }));
  return () => {
    assert(made);
    return made;
  };
}

/** The answer to AUTH where the password is wrong. */
export const WRONG_PASSWORD: LoginAnswer<never> = {
  kind: "refused",
  reply: reply("535", "5.7.8", "authentication credentials invalid"),
};

/** The answer to AUTH where the password is right. */
export function accepted(login: Login): LoginAnswer<Login> {
  return { kind: "logged-in", login };
}

export async function listen(
  mode: ListenerOptions<Login>["mode"],
  given: Partial<Omit<ListenerOptions<Login>, "handlers">> & {
    readonly changes?: Partial<Handlers<Login>>;
  } = {},
): Promise<TestListener> {
  const taken: Taken[] = [];
  const { changes, ...options } = given;
  const listener = await startListener<Login>({
    host: "127.0.0.1",
    port: 0,
    hostname: NAME,
    mode,
    ...options,
    limits: { closeMs: 500, ...options.limits },
    handlers: {
      login: async (address, password) => {
        const isRight = Buffer.from(password.reveal()).toString() === PASSWORD;
        return Promise.resolve(isRight ? accepted({ name: address }) : WRONG_PASSWORD);
      },
      rcpt: async () => Promise.resolve("ok"),
      data: async (client, envelope, message) => {
        taken.push({ client, envelope, text: Buffer.from(message.take()).toString() });
        return Promise.resolve(reply("250", "2.0.0", "taken"));
      },
      ...changes,
    },
  });
  return { ...listener, taken, [Symbol.asyncDispose]: listener[Symbol.asyncDispose] };
}

/** A connection over implicit TLS on which alice has logged in. */
export async function loggedIn(listener: Listener, pki: Pki): Promise<RawSmtp> {
  const client = await RawSmtp.connect(listener, { ca: pki.ca, serverName: NAME });
  assert.match(await client.all(["EHLO c.test", `AUTH PLAIN ${PLAIN}`]), /^235/);
  return client;
}

export function recipientsOf({ envelope }: Taken): readonly string[] {
  return envelope.recipients.map((address) => formatAddress(address));
}
