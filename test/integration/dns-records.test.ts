/** What `dns records` prints, put into a zone as it is, signed, served and asked back by real DNS programs. */
import assert from "node:assert/strict";
import { X509Certificate, createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { stringify } from "smol-toml";
import { type LabDns, startDns } from "../../lab/dns.ts";
import { type IssuedCertificate, makePki } from "../../lab/pki.ts";
import { buildZones } from "../../lab/zones.ts";
import { dnsCommands } from "../../src/cli/dns.ts";
import { type Inspector, inspector } from "../../src/dns/inspector.ts";
import { openpgpkeyLine, zoneFileLine } from "../../src/dns/zone-lines.ts";
import { type EmailAddress, parseAddress } from "../../src/mail/address.ts";
import { openpgpkeyName } from "../../src/mail/openpgpkey-label.ts";
import { type Certificate, parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openStore } from "../../src/store/store.ts";
import { publishKey } from "../support/test-keyserver.ts";

const LARGEST = randomBytes(4096);
let dir = "";
let issued: IssuedCertificate;
let ada: Certificate;
let printed = "";
let dns: LabDns;
let ask: Inspector;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-records-"));
  issued = await (await makePki(join(dir, "pki"))).issue(["keys.alpha.test"]);
  await using store = await openStore({ engine: "sqlite", path: join(dir, "sealpost.db") });
  await migrate(store);
  ada = await publishKey(store, "Ada.Quill@alpha.test");
  await publishKey(store, "jürgen@alpha.test");
  await publishKey(store, "gone@alpha.test", { isRevoked: true });
  printed = await records(["--openpgpkey"]);
  const largest = zoneFileLine(openpgpkeyLine(address("largest@alpha.test"), LARGEST));
  const lines = printed.split("\n").filter((line) => !line.includes("hosted.test"));
  const host = ["keys IN A 127.0.0.2"];
  const zone = { name: "alpha.test", records: [...lines, largest, ...host] };
  const zones = await buildZones({ dir, providers: [], extra: [{ ...zone, signing: "signed" }] });
  dns = await startDns({ zones });
  ask = inspector({ ...dns.resolver, isTrusted: () => true });
});
after(async () => {
  await dns[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed);
  return parsed;
}

async function records(
  given: readonly string[],
  change: { readonly isJson?: boolean; readonly name?: string; readonly cert?: string } = {},
): Promise<string> {
  const configFile = join(dir, "sealpost.toml");
  await writeFile(
    configFile,
    stringify({
      domains: ["alpha.test", "hosted.test"],
      hostname: "mail.alpha.test",
      tls: { certificate_file: change.cert ?? issued.certFile, key_file: issued.keyFile },
      listen: { keyserver: { name: change.name ?? "keys.alpha.test", port: 8443 } },
    }),
  );
  let text = "";
  const [command] = dnsCommands;
  const code = await command?.run({
    operands: given.filter((word) => !word.startsWith("--")),
    configFile,
    isJson: change.isJson === true,
    terminal: {
      input: Readable.from([]),
      write: (output) => {
        text += output.toString();
      },
      complain: assert.fail,
    },
    option: () => undefined,
    has: (name) => given.includes(`--${name}`),
  });
  assert.equal(code, 0);
  return text;
}

test("the services are found, proven", async () => {
  for (const name of [
    "_hkp._tcp.alpha.test",
    "_hkps._tcp.alpha.test",
    "_pgpkey-https._tcp.keys.alpha.test",
  ]) {
    const { answer } = await ask.srv(name);
    assert(answer.kind === "answer" && answer.dnssec === "secure", name);
    const target = "keys.alpha.test";
    assert.deepEqual(answer.records, [{ priority: 10, weight: 100, port: 8443, target }]);
  }
});

test("the host of the Web Key Directory leads to the keyserver, by an alias that is signed", async () => {
  const { answer, aliases, signatures } = await ask.addresses("openpgpkey.alpha.test");
  assert(answer.kind === "answer" && answer.dnssec === "secure");
  assert.deepEqual(answer.records, ["127.0.0.2"]);
  assert.deepEqual(aliases, ["keys.alpha.test"]);
  assert(signatures.some(({ covers, signer }) => covers === "CNAME" && signer === "alpha.test"));
});

test("the TLSA record is the hash of the certificate's key", async () => {
  const { answer } = await ask.tlsa("_8443._tcp.keys.alpha.test");
  assert(answer.kind === "answer");
  const spki = new X509Certificate(issued.cert).publicKey.export({ type: "spki", format: "der" });
  const data = createHash("sha256").update(spki).digest();
  assert.deepEqual(answer.records, [{ usage: 3, selector: 1, matching: 1, data }]);
});

test("each published certificate is found under its address in lower case, in binary", async () => {
  for (const text of ["Ada.Quill@alpha.test", "jürgen@alpha.test"]) {
    const { answer } = await ask.openpgpkey(openpgpkeyName(address(text)));
    assert(answer.kind === "answer" && answer.dnssec === "secure", text);
    const [bytes = Buffer.alloc(0)] = answer.records;
    const parsed = await parseCertificates(bytes);
    const [certificate] = parsed.kind === "parsed" ? parsed.certificates : [];
    assert.deepEqual(certificate?.userIds, [text]);
    if (text.startsWith("Ada")) assert.equal(certificate.fingerprint, ada.fingerprint);
  }
  const gone = await ask.openpgpkey(openpgpkeyName(address("gone@alpha.test")));
  assert.equal(gone.answer.kind, "empty");
});

test("the largest certificate that is printed passes through signer, server and resolver", async () => {
  const { answer } = await ask.openpgpkey(openpgpkeyName(address("largest@alpha.test")));
  assert(answer.kind === "answer");
  assert.deepEqual(answer.records, [LARGEST]);
});

test("every domain is printed, what they share once, and a missing name in the certificate is noted", () => {
  assert.match(
    printed,
    /^_hkp\._tcp\.hosted\.test\. 3600 IN SRV 10 100 8443 keys\.alpha\.test\. ;/m,
  );
  assert.match(printed, /^openpgpkey\.hosted\.test\. 3600 IN CNAME keys\.alpha\.test\. ;/m);
  assert.equal(printed.match(/^_pgpkey-https/gm)?.length, 1);
  assert.equal(printed.match(/ IN TLSA /g)?.length, 1);
  assert.match(printed, /^; The TLS certificate does not name openpgpkey\.hosted\.test yet/m);
  assert.match(printed, /^; Lines for keys\.alpha\.test belong into the zone of that name/m);
  assert.match(printed, /^; The zones of the mail domain .* must be signed/m);
});

test("certificates are printed only on request, and in JSON each line has its parts", async () => {
  const text = await records(["alpha.test"], { isJson: true });
  const json = JSON.parse(text) as {
    readonly records: readonly Readonly<Record<string, unknown>>[];
    readonly note: string;
    readonly notes: readonly string[];
  };
  assert.deepEqual(
    json.records.map(({ type }) => type),
    ["SRV", "SRV", "SRV", "CNAME", "TLSA"],
  );
  for (const record of json.records) {
    assert.deepEqual(Object.keys(record), ["name", "ttl", "type", "data", "why"]);
  }
  assert.match(json.note, /must be signed/);
});

test("without a certificate file there is no TLSA record, and a note says so", async () => {
  const text = await records(["alpha.test"], { cert: join(dir, "later.pem") });
  assert.doesNotMatch(text, / IN TLSA /);
  assert.match(text, /^; No TLSA record: tls\.certificate_file cannot be read yet/m);
});

test("a keyserver that has the name of the directory needs no alias", async () => {
  const text = await records(["alpha.test"], { name: "openpgpkey.alpha.test" });
  assert.doesNotMatch(text, /CNAME/);
});
