/**
 * The message of DATA as its client meant it: a period that begins a line and is not alone on it is deleted, whatever
 * follows (RFC 5321 §4.5.2). smtp-server deletes it only before another period. The end is `CRLF.CRLF` and nothing else.
 */
import type { SMTPServer } from "smtp-server";

type ServerConnection = SMTPServer["connections"] extends Set<infer One> ? One : never;
type Parser = Exclude<ServerConnection["_parser"], boolean | undefined>;
type DataStream = Parser["_dataStream"];
type Done = Parameters<Parser["_feedDataStream"]>[1];

const [CR, LF, DOT] = [0x0d, 0x0a, 0x2e];

/** What a chunk of a message comes to. */
type Step = {
  readonly text: readonly Buffer[];
  /** What stands behind the end of the message; undefined before the end. */
  readonly rest: Buffer | undefined;
};

/** Reads the messages of a connection instead of smtp-server. STARTTLS makes another parser, which needs this again. */
export function readDataLines(connection: ServerConnection): void {
  const parser = connection._parser;
  if (typeof parser !== "object") throw new Error("the connection has no parser to stand before");
  let of: DataStream = null;
  let lines = new DataLines();
  parser._feedDataStream = (chunk, done) => {
    const stream = parser._dataStream;
    if (stream !== of) [of, lines] = [stream, new DataLines()];
    const { text, rest } = lines.read(chunk);
    const octets = text.length === 1 && text[0] !== undefined ? text[0] : Buffer.concat(text);
    parser._countDataBytes(octets.length);
    if (rest !== undefined) parser._endDataMode(octets, rest, done);
    else pass(stream, octets, done);
  };
}

/** Writes, and waits while the reader of the stream is slower. A stream that was destroyed never drains, it only closes. */
function pass(stream: DataStream, octets: Buffer, done: Done): void {
  if (octets.length === 0 || stream?.writable !== true || stream.write(octets)) {
    done();
    return;
  }
  if (stream.destroyed) {
    done();
    return;
  }
  const go = (): void => {
    stream.removeListener("drain", go);
    stream.removeListener("close", go);
    done();
  };
  stream.once("drain", go);
  stream.once("close", go);
}

/** One message, in chunks cut anywhere. */
export class DataLines {
  /** What cannot be told before more has come: a CR, or a period at the beginning of a line with at most a CR. */
  #held: Buffer = Buffer.alloc(0);
  #isLineStart = true;

  read(chunk: Buffer): Step {
    if (chunk.length === 0) return { text: [], rest: undefined };
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const text: Buffer[] = [];
    let from = 0;
    let dot = this.#isLineStart && bytes[0] === DOT ? 0 : dotAfter(bytes, 0);
    for (; dot !== -1; dot = dotAfter(bytes, from)) {
      text.push(bytes.subarray(from, dot));
      const [next, afterNext] = [bytes[dot + 1], bytes[dot + 2]];
      if (next === undefined || (next === CR && afterNext === undefined)) {
        return this.#hold(text, bytes, dot);
      }
      if (next === CR && afterNext === LF) return { text, rest: bytes.subarray(dot + 3) };
      from = dot + 1;
    }
    const end = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length;
    text.push(bytes.subarray(from, end));
    return this.#hold(text, bytes, end);
  }

  #hold(text: readonly Buffer[], bytes: Buffer, from: number): Step {
    this.#held = bytes.subarray(from);
    this.#isLineStart = bytes[from] === DOT || (bytes.at(-2) === CR && bytes.at(-1) === LF);
    return { text, rest: undefined };
  }
}

/** The next period behind a line end. */
function dotAfter(bytes: Buffer, from: number): number {
  const at = bytes.indexOf("\r\n.", from, "latin1");
  return at === -1 ? -1 : at + 2;
}
