/** A keyserver on a database of its own with real certificates, and a client that sends whatever bytes a test wants. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import type { IssuedCertificate, Pki } from "../../lab/pki.ts";
import { after, type Clock, DAY, systemClock } from "../../src/base/time.ts";
import { startHttps, type HttpLimits, type HttpsServer } from "../../src/keyserver/lane/server.ts";
import { keyserver, keyserverHttp, type KeyserverLimits } from "../../src/keyserver/keyserver.ts";
import { parseAddress, parseDomain } from "../../src/mail/address.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { revokeFresh } from "../../src/openpgp/keys/revocation.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { publish, updatePublished } from "../../src/store/keys/publish.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openPublishedView } from "../../src/store/keys/published-view.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";
import { saveGenericRevocation } from "../../src/store/keys/generic-revocations.ts";
import { idOf } from "./accounts.ts";

const CLOSE_MS = 500;
const TIMEOUT_MS = 20_000;

export type TestKeyserver = AsyncDisposable & HttpsServer & { readonly store: Store };

/** `database` is one that exists; without it, a new SQLite file that goes when the server goes. */
export async function startTestKeyserver(
  tls: IssuedCertificate,
  given: {
    readonly domains?: readonly string[];
    readonly limits?: Partial<KeyserverLimits>;
    readonly http?: Partial<HttpLimits>;
    readonly port?: number;
    readonly host?: string;
    readonly database?: StoreOptions;
    readonly clock?: Clock;
    readonly isPeer?: (address: string) => boolean;
  } = {},
): Promise<TestKeyserver> {
  await using opened = new AsyncDisposableStack();
  const database = given.database ?? (await newDatabase(opened));
  const store = opened.use(await openStore(database));
  await migrate(store);
  const view = opened.use(openPublishedView(database));
  const domains = (given.domains ?? ["alpha.test"]).flatMap((name) => parseDomain(name) ?? []);
  const { limits = {}, clock = systemClock, isPeer = () => false } = given;
  const server = opened.use(
    await startHttps({
      host: given.host ?? "127.0.0.2",
      port: given.port ?? 0,
      tls,
      ...keyserverHttp,
      limits: { closeMs: CLOSE_MS, ...given.http },
      ...keyserver({ view, domains, clock, limits, isPeer, place: "keys.alpha.test" }),
    }),
  );
  const running = opened.move();
  return { ...server, store, [Symbol.asyncDispose]: async () => running.disposeAsync() };
}

async function newDatabase(opened: AsyncDisposableStack): Promise<StoreOptions> {
  const folder = await mkdtemp(join(tmpdir(), "sealpost-keyserver-db-"));
  opened.defer(async () => rm(folder, { recursive: true }));
  return { engine: "sqlite", path: join(folder, "sealpost.db") };
}

type KeyToPublish = {
  readonly isRevoked?: boolean;
  readonly profile?: "compat" | "modern";
  readonly expiresAt?: Date;
};

/** Makes a key for an address and publishes it; `isRevoked` publishes it with a fresh revocation, as superseded. */
export async function publishKey(
  store: Store,
  text: string,
  options: KeyToPublish = {},
): Promise<Certificate> {
  const { certificate, supersede } = await publishLiveKey(store, text, options);
  return options.isRevoked === true ? supersede() : certificate;
}

export type LiveKey = {
  readonly certificate: Certificate;
  /** Publishes its fresh revocation, and gives the certificate with it. */
  readonly supersede: () => Promise<Certificate>;
};

/** As `publishKey`, for a key whose revocation comes later. */
export async function publishLiveKey(
  store: Store,
  text: string,
  options: KeyToPublish = {},
): Promise<LiveKey> {
  const address = parseAddress(text);
  assert(address);
  const now = systemClock.now();
  const { profile = "compat", expiresAt } = options;
  const generated = await generateKey({ address, profile, now: after(now, -DAY) });
  const { certificate } = generated;
  const { fingerprint, version } = certificate;
  const expiry = expiresAt === undefined ? {} : { expiresAt };
  await saveGenericRevocation(store, {
    fingerprint,
    owner: idOf(address),
    version: 1,
    wrapped: Uint8Array.of(1),
    createdAt: now,
    serviceKey: "",
  });
  await publish(
    store,
    {
      ...expiry,
      fingerprint,
      version,
      address,
      createdAt: certificate.created,
      state: "active",
      bytes: certificate.bytes,
    },
    certificate.subkeyFingerprints,
  );
  return {
    certificate,
    supersede: async () => {
      using key = await readSecretKey(generated.secretKey);
      const at = systemClock.now();
      const revoked = await revokeFresh({ key, reasonCode: 1, text: "superseded", now: at });
      const change = { state: "superseded", bytes: revoked.bytes, revokedAt: at } as const;
      await updatePublished(store, fingerprint, change);
      return revoked;
    },
  };
}

export type RawAnswer = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Everything the server sent before it ended the connection. */
  readonly raw: string;
};

/** Sends bytes over TLS and reads until the server ends the connection, which it must do by itself. */
export async function sendRaw(
  server: { readonly host: string; readonly port: number },
  pki: Pki,
  bytes: string,
): Promise<RawAnswer> {
  const socket = connect({
    host: server.host,
    port: server.port,
    ca: pki.ca,
    servername: "keys.alpha.test",
  });
  let raw = "";
  socket.on("data", (chunk: Buffer) => {
    raw += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  const { promise: isClosed, resolve: closed } = Promise.withResolvers<void>();
  socket.once("close", () => {
    closed();
  });
  // A server may end a connection while we still write: that is an answer, not an error.
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    socket.destroy();
  }, TIMEOUT_MS);
  socket.write(Buffer.from(bytes, "latin1"));
  await isClosed;
  clearTimeout(late);
  assert(!isLate, "the server did not end the connection");
  const [head = "", ...body] = raw.split("\r\n\r\n");
  const [status = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(status.split(" ")[1] ?? 0),
    headers: new Map(headers),
    body: body.join("\r\n\r\n"),
    raw,
  };
}

/** One request as curl would make it, on a connection of its own. */
export async function ask(
  server: { readonly host: string; readonly port: number },
  pki: Pki,
  target: string,
  method = "GET",
  headers: readonly string[] = [],
): Promise<RawAnswer> {
  const lines = ["Host: keys.alpha.test", "Connection: close", ...headers];
  return sendRaw(server, pki, `${method} ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
}
