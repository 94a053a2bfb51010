/** Short ways to make messages and to look at the payloads that they become. */
import { parseHeader } from "../../src/mail/header.ts";
import { makePayload } from "../../src/pgpmime/payload.ts";
import { outerFields } from "../../src/pgpmime/protected-headers.ts";
import { readerView } from "../../src/pgpmime/reader-view.ts";

export const bytes = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "utf8");

export const text = (part: Uint8Array): string =>
  Buffer.from(part).toString("utf8").replaceAll("\r\n", "\n");

export const view = (message: Uint8Array): Uint8Array =>
  readerView(outerFields(parseHeader(message).header), makePayload(message));

export const HEAD =
  "From: Ada Quill <ada@post.example>\nTo: bo@recv.example\nDate: Mon, 23 Nov 2026 10:00:00 +0000\n" +
  "Subject: Lease draft\nMessage-ID: <1@post.example>\n";
