/** Puts files beside the text of a message: one message that other programs read (RFC 2046 §5.1.3, RFC 2183). */
import { randomUUID } from "node:crypto";

import { asBuffer } from "../base/bytes.ts";
import { parseHeader, serializeHeader, type Header, type HeaderField } from "./header.ts";
import { encodeTransfer } from "./transfer-encoding.ts";

/** A file that goes with a message. Name and type are what its user gave. */
export type AttachedFile = {
  readonly name: string;
  readonly contentType: string;
  readonly octets: Uint8Array;
};

/** A type without parameters, of those that may be in base64 (RFC 2045 §5.1, §6.4). */
const TYPE = /^(?!multipart\/|message\/)[a-z0-9!#$&^_.+-]{1,64}\/[a-z0-9!#$&^_.+-]{1,64}$/i;
const ANY_TYPE = "application/octet-stream";
/** How many characters of a name a line has. */
const NAME_LINE = 54;

/** The message with its files. Its own body, as it is, is the first part. Line ends are CRLF. */
export function withAttached(message: Uint8Array, files: readonly AttachedFile[]): Uint8Array {
  if (files.length === 0) return message;
  const { header, bodyOffset } = parseHeader(message);
  const body = message.subarray(bodyOffset);
  const boundary = `=_files_${randomUUID()}`;
  const isPlain = asBuffer(body).every((octet) => octet < 128);
  const top = [
    ...header.filter((field) => !isOfBody(field) && field.name.toLowerCase() !== "mime-version"),
    rawField("MIME-Version: 1.0"),
    rawField(`Content-Type: multipart/mixed;\r\n boundary="${boundary}"`),
    ...(isPlain ? [] : [rawField("Content-Transfer-Encoding: 8bit")]),
  ];
  return Buffer.concat([
    entity(top, Buffer.alloc(0)),
    delimiter(boundary),
    entity(header.filter(isOfBody), body),
    ...files.flatMap((file) => [delimiter(boundary), fileEntity(file)]),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

function isOfBody({ name }: HeaderField): boolean {
  return name.toLowerCase().startsWith("content-");
}

function delimiter(boundary: string): Uint8Array {
  return Buffer.from(`\r\n--${boundary}\r\n`);
}

function entity(header: Header, body: Uint8Array): Uint8Array {
  return Buffer.concat([serializeHeader(header), Buffer.from("\r\n"), body]);
}

function fileEntity({ name, contentType, octets }: AttachedFile): Uint8Array {
  const type = TYPE.test(contentType) ? contentType : ANY_TYPE;
  const header = [
    rawField(`Content-Type: ${type}`),
    rawField("Content-Transfer-Encoding: base64"),
    rawField(["Content-Disposition: attachment", ...nameParameters(name)].join(";\r\n ")),
  ];
  return entity(header, encodeTransfer(octets, "base64"));
}

/** RFC 2231 §3 and §4: a name of any length, in any script. */
function nameParameters(name: string): readonly string[] {
  const isSimple = /^[\w .+-]*$/.test(name) && name.length <= NAME_LINE;
  if (isSimple) return name === "" ? [] : [`filename="${name}"`];
  const encoded = [...Buffer.from(name.toWellFormed())].map(percent).join("");
  const lines = encoded.match(new RegExp(`(?:%..|[^%]){1,${String(NAME_LINE / 3)}}`, "g")) ?? [];
  return lines.map((line, at) => `filename*${String(at)}*=${at === 0 ? "UTF-8''" : ""}${line}`);
}

function percent(octet: number): string {
  const sign = String.fromCharCode(octet);
  return /[A-Za-z0-9._-]/.test(sign)
    ? sign
    : `%${octet.toString(16).padStart(2, "0").toUpperCase()}`;
}

function rawField(text: string): HeaderField {
  return { name: text.slice(0, text.indexOf(":")), raw: Buffer.from(`${text}\r\n`) };
}
