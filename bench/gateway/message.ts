import { randomBytes } from "node:crypto";

import { systemClock } from "../../src/base/time.ts";

const OCTETS = 20 * 1024;

/** A message of 20 KB: a text that no compression makes smaller, in lines that need no dot stuffing. */
export function messageFrom(from: string, to: string): Buffer {
  const head = [
    `From: ${from}`,
    `To: ${to}`,
    "Subject: Figures of the quarter",
    `Date: ${systemClock.now().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${randomBytes(8).toString("hex")}@bench.test>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8\r\n\r\n",
  ].join("\r\n");
  const text = randomBytes(OCTETS).toString("base64").replaceAll(/.{72}/g, "$&\r\n");
  return Buffer.from(`${head}${text.slice(0, OCTETS - head.length - 2).trimEnd()}\r\n`, "latin1");
}
