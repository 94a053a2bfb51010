import assert from "node:assert/strict";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Config, ConfigError } from "../config/load.ts";
import { checkedConfig, listenerProblems, relayProblems } from "./config-problems.ts";

function problems(listening: string, relayHost: string): number {
  const { length } = relayProblems(
    {
      listen: { mx: { host: listening, port: 25 } } as unknown as Config["listen"],
      relay: { host: relayHost, port: 25 } as unknown as Config["relay"],
    },
    (...path) => path.join("."),
  );
  return length;
}

test("a relay at a loopback address is our own door where we listen at all addresses", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "localhost"]) {
    for (const listening of ["0.0.0.0", "::"]) assert.equal(problems(listening, host), 1, host);
    assert.equal(problems("192.0.2.1", host), 0, host);
  }
});

test("a mail server whose name begins as a loopback address does is another one", () => {
  for (const host of ["127.example.test", "127.0.0.1.example.test"]) {
    assert.equal(problems("0.0.0.0", host), 0, host);
  }
});

test("two listeners at one address and port are refused, also where one of them listens at all addresses", () => {
  const at = (...path: readonly string[]): string => path.join(".");
  const found = (one: string, other: string, port = 25) =>
    listenerProblems(
      {
        listen: {
          mx: { host: one, port: 25 },
          submissionStarttls: { host: other, port },
        } as unknown as Config["listen"],
      },
      at,
    );
  for (const [one, other] of [
    ["127.0.0.1", "127.0.0.1"],
    ["0.0.0.0", "127.0.0.1"],
    ["127.0.0.1", "::"],
  ] as const) {
    const [problem, ...others] = found(one, other);
    assert.deepEqual(others, []);
    assert.match(
      problem ?? "",
      /^listen\.submission_starttls\.port: .*:25 is taken by listen\.mx\.port/,
    );
  }
  for (const [one, other] of [
    ["127.0.0.1", "127.0.0.2"],
    ["0.0.0.0", "::1"],
    ["2001:db8::1", "0.0.0.0"],
  ] as const) {
    assert.deepEqual(found(one, other), []);
  }
  assert.deepEqual(found("127.0.0.1", "127.0.0.1", 26), []);
});

test("a file that [tls] names is named with its line, whatever is wrong with it", async () => {
  await using files = await mkdtempDisposable(join(tmpdir(), "sealpost-config-"));
  const file = join(files.path, "sealpost.toml");
  const [junk, folder] = [join(files.path, "junk.pem"), files.path];
  await writeFile(junk, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const written = async (certificate: string, key: string): Promise<readonly string[]> => {
    const tls = `[tls]\ncertificate_file = "${certificate}"\nkey_file = "${key}"\n`;
    await writeFile(file, `domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n${tls}`);
    const thrown: unknown = await checkedConfig(file, { holdsServiceKey: false }).catch(
      (error: unknown) => error,
    );
    assert(thrown instanceof ConfigError);
    return thrown.problems;
  };
  for (const [certificate, key] of [
    [junk, junk],
    [join(folder, "absent.pem"), folder],
  ] as const) {
    const [first = "", second = ""] = await written(certificate, key);
    assert(first.startsWith(`${file}:4: tls.certificate_file: `), first);
    assert(second.startsWith(`${file}:5: tls.key_file: `), second);
    if (certificate === junk) for (const one of [first, second]) assert.match(one, /junk\.pem/);
  }
});
