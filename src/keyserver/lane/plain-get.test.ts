import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import fc from "fast-check";

import { portOf } from "../../../lab/ports.ts";
import { readPlainGet, type PlainGet } from "./plain-get.ts";

const server = createServer({ insecureHTTPParser: false });
before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** What Node's own parser makes of these octets: every request in them, or none. */
async function readByNode(text: string): Promise<readonly PlainGet[]> {
  const seen: IncomingMessage[] = [];
  const listen = (request: IncomingMessage, response: { end: () => unknown }): void => {
    seen.push(request);
    response.end();
  };
  server.on("request", listen);
  const socket = connect(portOf(server), "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  socket.end(Buffer.from(text, "latin1"));
  await once(socket, "close");
  server.off("request", listen);
  return seen.map(({ method = "", url = "", headers, httpVersion }) => {
    assert.equal(`${method} ${httpVersion}`, "GET 1.1");
    assert.equal(headers["content-length"] ?? headers["transfer-encoding"], undefined);
    return { url, host: headers.host ?? "" };
  });
}

const read = (text: string): PlainGet | undefined => readPlainGet(Buffer.from(text, "latin1"));

test("requests of GnuPG and curl are of the plain form", () => {
  const gnupg =
    "GET /pks/lookup?op=get&options=mr&search=Ada.Quill%20news@Post.Example&exact=on HTTP/1.1\r\n" +
    "Host: keys.post.example:8443\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n";
  assert.deepEqual(read(gnupg), {
    url: "/pks/lookup?op=get&options=mr&search=Ada.Quill%20news@Post.Example&exact=on",
    host: "keys.post.example:8443",
  });
  const curl = "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n";
  assert.deepEqual(read(curl), { url: "/", host: "a" });
});

test("everything else is not: other methods and versions, parts, two at once, bodies, repeated or missing hosts", () => {
  const good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const text of [
    good.slice(0, -1),
    good + good,
    `${good}x`,
    `\r\n${good}`,
    good.replace("GET", "HEAD"),
    good.replace("GET", "get"),
    good.replace("HTTP", "http"),
    good.replace("1.1", "1.0"),
    good.replace("/ ", "/  "),
    good.replace("/ ", "http://a/ "),
    good.replace("/ ", "/\t "),
    good.replace("/ ", "/\u{e4} "),
    good.replace("Host: a", "Host:a"),
    good.replace("Host: a", "Host : a"),
    good.replace("Host: a", "Host: a\r\nHost: a"),
    good.replace("Host: a", "Host: a b"),
    good.replace("Host: a", "Accept: */*"),
    good.replace("Host: a", "Host: a\r\nContent-Length: 0"),
    good.replace("Host: a", "Host: a\r\nTransfer-Encoding: chunked"),
    good.replace("Host: a", "Host: a\r\nConnection: close"),
    good.replace("Host: a", "Host: a\r\nIf-None-Match: x"),
    good.replace("Host: a", "Host: a\r\nAccept: x\r\n y"),
    good.replace("Host: a", "Host: a\r\nAccept: x\ry"),
    good.replace("Host: a", "Host: a\r\nAccept: x\ny"),
    good.replaceAll("\r\n", "\n"),
    good.replace("Host: a", `Host: a\r\nAccept: ${"x".repeat(5000)}`),
  ]) {
    assert.equal(read(text), undefined, JSON.stringify(text));
  }
});

test("what is taken as plain, Node's parser reads in the same way", async () => {
  const pieces = fc.constantFrom(
    ...'GET / HTTP/1.1|\r\n|\r|\n|Host: a|host: B|Accept: */*|User-Agent: x y|Pragma: |Content-Length: 3|: | |?q=%41+&|#|\\|"|\u{ff}|\0|GET /b HTTP/1.1'.split(
      "|",
    ),
  );
  const noise = fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join(""));
  const request = fc
    .tuple(
      fc.webPath(),
      fc.constantFrom("\r\n", "\r\nAccept: a;q=1\r\n", "\r\nCACHE-CONTROL:  x\r\n"),
      noise,
      fc.constantFrom("", "\r\n\r\n"),
    )
    .map(
      ([path, field, other, end]) =>
        `GET /${path} HTTP/1.1${field}Host: a.b:1\r\n${other}\r\n${end}`,
    );
  await fc.assert(
    fc.asyncProperty(fc.oneof(request, noise), async (text) => {
      const plain = read(text);
      if (plain !== undefined) assert.deepEqual(await readByNode(text), [plain]);
    }),
    { numRuns: 2000 },
  );
});
