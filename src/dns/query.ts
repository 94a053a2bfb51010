import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";

import { SECOND } from "../base/time.ts";
import { type DnsReply, type QueryType, encodeQuery, readReply } from "./message.ts";

/** The resolver that is asked: an address, not a name. */
export type DnsServer = { readonly host: string; readonly port: number };

const RESEND_MS = 1.5 * SECOND;
const LENGTH_BYTES = 2;
const MAX_ID = 0x10000;

/**
 * One question over UDP, again over TCP when the reply was cut (RFC 7766 §5). Each takes a port of its own, and what does
 * not come from the server or does not echo the question is ignored. Rejects when there is no reply until `signal` says.
 */
export async function query(
  server: DnsServer,
  name: string,
  type: QueryType,
  signal: AbortSignal,
): Promise<DnsReply> {
  const reply = await overUdp(server, name, type, signal);
  return reply.isTruncated ? await overTcp(server, name, type, signal) : reply;
}

async function overUdp(
  server: DnsServer,
  name: string,
  type: QueryType,
  signal: AbortSignal,
): Promise<DnsReply> {
  signal.throwIfAborted();
  const id = randomInt(MAX_ID);
  const message = encodeQuery(id, name, type);
  const socket = createSocket({ type: isIPv6(server.host) ? "udp6" : "udp4" });
  const { promise, resolve, reject } = Promise.withResolvers<DnsReply>();
  const onAbort = () => {
    reject(noReply(signal));
  };
  signal.addEventListener("abort", onAbort);
  socket.on("error", reject);
  socket.on("message", (bytes) => {
    const read = readReply(bytes, id, name, type);
    if (read.kind === "reply") resolve(read.reply);
    else if (read.kind === "unreadable") reject(new Error("the reply cannot be read"));
  });
  // A connected socket takes packets from this address and port only.
  const send = () => {
    socket.send(message);
  };
  socket.connect(server.port, server.host, send);
  const resend = setInterval(send, RESEND_MS);
  try {
    return await promise;
  } finally {
    clearInterval(resend);
    signal.removeEventListener("abort", onAbort);
    socket.close();
  }
}

async function overTcp(
  server: DnsServer,
  name: string,
  type: QueryType,
  signal: AbortSignal,
): Promise<DnsReply> {
  signal.throwIfAborted();
  const id = randomInt(MAX_ID);
  const socket = connect(server.port, server.host);
  const { promise, resolve, reject } = Promise.withResolvers<DnsReply>();
  const onAbort = () => {
    reject(noReply(signal));
  };
  signal.addEventListener("abort", onAbort);
  socket.on("error", reject);
  socket.on("close", () => {
    reject(new Error("the resolver closed the connection"));
  });
  let received: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < LENGTH_BYTES) return;
    const end = LENGTH_BYTES + received.readUInt16BE(0);
    if (received.length < end) return;
    const read = readReply(received.subarray(LENGTH_BYTES, end), id, name, type);
    if (read.kind === "reply") resolve(read.reply);
    else reject(new Error("the reply cannot be read"));
  });
  const message = encodeQuery(id, name, type);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(message.length);
  socket.write(Buffer.concat([length, message]));
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

function noReply(signal: AbortSignal): Error {
  return new Error("no reply in time", { cause: signal.reason });
}
