/**
 * The structure of a message as ranges of its own bytes (RFC 2045, RFC 2046). Nothing is decoded or rebuilt, so what was
 * signed can be verified over the bytes as received. One pass over the bytes, whatever the nesting.
 */
import { asBuffer } from "../base/bytes.ts";
import { AppError } from "../base/errors.ts";
import { type ContentType, DEFAULT_CONTENT_TYPE } from "./content-type.ts";
import { type Hit, OpenBoundaries } from "./delimiter.ts";
import type { Entity, MimeDefect } from "./entity.ts";
import { parseHeader } from "./header.ts";
import { readMimeFields, type MimeFields } from "./mime-fields.ts";

/** Beyond them a message is refused: reading it would cost too much. */
export type MimeLimits = {
  readonly headerBytes: number;
  /** The header fields of all parts together. */
  readonly fields: number;
  readonly depth: number;
  readonly parts: number;
};

const DEFAULT_LIMITS: MimeLimits = {
  headerBytes: 1024 * 1024,
  fields: 20_000,
  depth: 30,
  parts: 1000,
};
/** RFC 2046 §5.1.5: what a part of a multipart/digest is by default. */
const MESSAGE: ContentType = { type: "message", subtype: "rfc822", parameters: new Map() };
const LARGE_HEADER = "the message has too large a header";
const CR = 13;
const LF = 10;

type Scan = {
  readonly bytes: Buffer;
  readonly limits: MimeLimits;
  /** False: what goes beyond the limits is left out instead of refused, for a look at the root. */
  readonly isStrict: boolean;
  readonly boundaries: OpenBoundaries;
  parts: number;
  fields: number;
};

/**
 * The structure of a whole message or entity.
 * @throws AppError beyond the limits.
 */
export function scanMime(message: Uint8Array, limits: Partial<MimeLimits> = {}): Entity {
  return scanned(message, limits, true);
}

/** As `scanMime`, but what is beyond the limits is left out and nothing is refused: for mail that is only shown. */
export function scanLeniently(message: Uint8Array, limits: Partial<MimeLimits> = {}): Entity {
  return scanned(message, limits, false);
}

/** The root and at most four of its direct parts, which are not looked into: for questions about the root alone. */
export function scanRoot(message: Uint8Array): Entity {
  return scanLeniently(message, { depth: 1, parts: 5 });
}

function scanned(message: Uint8Array, limits: Partial<MimeLimits>, isStrict: boolean): Entity {
  const scan: Scan = {
    bytes: asBuffer(message),
    limits: { ...DEFAULT_LIMITS, ...limits },
    isStrict,
    boundaries: new OpenBoundaries(),
    parts: 0,
    fields: 0,
  };
  return readEntity(scan, 0, 0, DEFAULT_CONTENT_TYPE).entity;
}

type Found = { readonly entity: Entity; readonly hit: Hit | undefined };

function readEntity(scan: Scan, start: number, depth: number, byDefault: ContentType): Found {
  scan.parts++;
  const isOver = depth > scan.limits.depth || scan.parts > scan.limits.parts;
  if (isOver && scan.isStrict) refuse("the message has too many or too deeply nested parts");
  const head = readHeader(scan, start);
  const { header, bodyOffset, isWhole } = parseHeader(scan.bytes.subarray(start, head.end));
  scan.fields += header.length;
  if (scan.isStrict && !(isWhole && scan.fields <= scan.limits.fields)) refuse(LARGE_HEADER);
  const facts = readMimeFields(header, byDefault);
  const bodyStart = start + bodyOffset;
  const body = readBody(scan, { ...facts, bodyStart, hit: head.hit, depth });
  // An empty body leaves its header's empty line to the delimiter, an empty part even the line end before it.
  const end = body.hit === undefined ? scan.bytes.length : cut(scan, body.hit);
  const defects: MimeDefect[] = [...facts.defects, ...body.defects];
  if (head.isCut || !isWhole) defects.push("header");
  const { contentType, encoding } = facts;
  const entity = {
    header,
    contentType,
    encoding,
    start: Math.min(start, end),
    bodyStart: Math.min(bodyStart, end),
    end,
    parts: body.parts,
    defects,
    isMalformed: defects.length > 0,
  };
  return { entity, hit: body.hit };
}

/** Where the part before a delimiter ends: the line end before it belongs to the delimiter (RFC 2046 §5.1.1). */
function cut(scan: Scan, hit: Hit): number {
  const { lineStart } = hit;
  if (lineStart === 0 || scan.bytes[lineStart - 1] !== LF) return lineStart;
  return scan.bytes[lineStart - 2] === CR ? lineStart - 2 : lineStart - 1;
}

type Head = { readonly end: number; readonly hit: Hit | undefined; readonly isCut: boolean };

/** The end of the header, after its empty line; a delimiter ends it too, and the limit where nothing is refused. */
function readHeader(scan: Scan, start: number): Head {
  const { bytes } = scan;
  // Nothing can end the root's header but its empty line.
  if (scan.boundaries.isEmpty && !scan.isStrict) {
    const { bodyOffset, isWhole } = parseHeader(bytes.subarray(start));
    return { end: start + bodyOffset, hit: undefined, isCut: !isWhole };
  }
  let at = start;
  while (at < bytes.length && at - start <= scan.limits.headerBytes) {
    const hit = scan.boundaries.match(bytes, at);
    if (hit !== undefined) return { end: at, hit, isCut: false };
    const lf = bytes.indexOf(LF, at);
    const next = lf === -1 ? bytes.length : lf + 1;
    if (isEmptyLine(bytes, at, lf)) return { end: next, hit: undefined, isCut: false };
    at = next;
  }
  const isCut = at - start > scan.limits.headerBytes;
  if (isCut && scan.isStrict) refuse(LARGE_HEADER);
  return { end: at, hit: undefined, isCut };
}

function isEmptyLine(bytes: Buffer, at: number, lf: number): boolean {
  return lf === at || (lf === at + 1 && bytes[at] === CR);
}

type BodyTask = MimeFields & {
  readonly bodyStart: number;
  readonly hit: Hit | undefined;
  readonly depth: number;
};
type Body = {
  readonly parts: readonly Entity[];
  readonly hit: Hit | undefined;
  readonly defects: readonly MimeDefect[];
};

function readBody(scan: Scan, task: BodyTask): Body {
  const { contentType, bodyStart, depth } = task;
  const isDeepest = !scan.isStrict && depth >= scan.limits.depth;
  if (task.hit === undefined && !isDeepest) {
    if (contentType.type === "multipart") return readParts(scan, task);
    if (isMessage(task)) {
      const { entity, hit } = readEntity(scan, bodyStart, depth + 1, DEFAULT_CONTENT_TYPE);
      return { parts: [entity], hit, defects: [] };
    }
  }
  const defects: MimeDefect[] =
    task.hit !== undefined && contentType.type === "multipart" ? ["boundary"] : [];
  return {
    parts: [],
    hit: task.hit ?? scan.boundaries.find(scan.bytes, bodyStart),
    defects,
  };
}

/** An embedded message that can be read in place: RFC 2046 §5.2.1 allows no encoding that hides it. */
function isMessage({ contentType: { type, subtype }, encoding }: BodyTask): boolean {
  const isOpen = encoding !== "base64" && encoding !== "quoted-printable";
  return type === "message" && (subtype === "rfc822" || subtype === "global") && isOpen;
}

function readParts(scan: Scan, task: BodyTask): Body {
  const { bodyStart, contentType, depth } = task;
  const boundary = boundaryOf(contentType);
  if (!scan.boundaries.canOpen(boundary)) {
    return { parts: [], hit: scan.boundaries.find(scan.bytes, bodyStart), defects: ["boundary"] };
  }
  const byDefault = contentType.subtype === "digest" ? MESSAGE : DEFAULT_CONTENT_TYPE;
  const level = scan.boundaries.open(boundary);
  const parts: Entity[] = [];
  let hit = scan.boundaries.find(scan.bytes, bodyStart);
  while (hit?.level === level && !hit.isClose && hasRoom(scan)) {
    const found = readEntity(scan, hit.next, depth + 1, byDefault);
    parts.push(found.entity);
    hit = found.hit;
  }
  scan.boundaries.closeInnermost();
  const defects: MimeDefect[] = parts.length === 0 ? ["boundary"] : [];
  // Another level's delimiter, or none: that of a parent ends this multipart too.
  if (hit?.level !== level) return { parts, hit, defects: [...defects, "unclosed"] };
  if (!hit.isClose) defects.push("unclosed");
  return { parts, hit: scan.boundaries.find(scan.bytes, hit.next), defects };
}

/** As bytes, each a character. */
function boundaryOf(contentType: ContentType): string {
  const written = contentType.parameters.get("boundary")?.trimEnd() ?? "";
  return Buffer.from(written, "utf8").toString("latin1");
}

/** Only a lenient scan ends early; a strict one has thrown before. */
function hasRoom({ isStrict, parts, fields, limits }: Scan): boolean {
  return isStrict || (parts < limits.parts && fields < limits.fields);
}

function refuse(why: string): never {
  throw new AppError(why, { temporary: false });
}
