import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { ConfigError, loadConfig, parseConfig } from "./config.ts";
import { annotatedFile, describedFields } from "./describe.ts";

const SMALLEST = 'domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n';
const FILE = "/etc/sealpost/sealpost.toml";

function problemsOf(text: string): readonly string[] {
  try {
    parseConfig(text, FILE);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
  return [];
}

test("two fields are enough; everything else has a default", () => {
  const config = parseConfig(SMALLEST, FILE);
  assert.deepEqual(config.domains, ["alpha.test"]);
  assert.equal(config.limits.messageBytes, 26_214_400);
  assert.equal(config.policy.default, "prefer-clear");
  assert.equal(config.keys.profile, "compat");
  assert.equal(config.resolver.signedName, ".");
  assert.equal(config.listen.submission, undefined);
});

test("a resolver on another machine is refused, with its line", () => {
  for (const host of ["192.0.2.53", "resolver.alpha.test", "localhost", "::2", "128.0.0.1"]) {
    const [problem = ""] = problemsOf(`${SMALLEST}[resolver]\nhost = "${host}"\n`);
    assert.match(problem, /^.*sealpost\.toml:4: resolver\.host: is not an address of this machine/);
  }
  for (const host of ["127.0.0.1", "127.0.0.53", "::1"]) {
    assert.deepEqual(problemsOf(`${SMALLEST}[resolver]\nhost = "${host}"\n`), []);
  }
});

test("what no next hop can be, and a notice after the end of waiting, are refused with what to write", () => {
  const first = (more: string): string => problemsOf(`${SMALLEST}${more}`)[0] ?? "";
  const relay = (host: string): string => first(`[relay]\nhost = "${host}"\n`);
  assert.match(
    relay("smtp.example.org:587"),
    /:4: relay\.host: has a port in it; write the host alone/,
  );
  assert.match(relay("smtp example!"), /:4: relay\.host: is not a host; write a name such as/);
  for (const host of ["smtp.example.org", "localhost", "postfix", "192.0.2.1", "2001:db8::1"]) {
    assert.equal(relay(host), "", host);
  }
  const waiting = (hours: string): string => first(`[submission]\n${hours}\n`);
  assert.match(
    waiting("notice_hours = 24"),
    /submission\.notice_hours: must be smaller than defer_hours.*defer_hours is 24 by default/,
  );
  assert.equal(waiting("notice_hours = 23"), "");
});

test("a fault says in words what is expected", () => {
  const first = (text: string): string => problemsOf(text)[0] ?? "";
  assert.match(
    first('domains = []\nhostname = "mail.alpha.test"\n'),
    /:1: domains: is empty; name at least one/,
  );
  assert.match(first(`${SMALLEST}tls = "x"\n`), /: tls: must be a table with fields of its own/);
  assert.match(
    first(`${SMALLEST}[policy.domains."no domain"]\npolicy = "off"\n`),
    /is not a domain name/,
  );
  assert.match(
    first(`${SMALLEST}[relay.hosts]\n"beta.test" = "127.0.0.1:99999"\n`),
    /is not host:port, such as .*a port from 1 to 65535/,
  );
});

test("paths are relative to the file", () => {
  const config = parseConfig(
    `${SMALLEST}[secrets]\nservice_key_file = "../private/service.key"\n[tls]\nkey_file = "/srv/key.pem"\n`,
    FILE,
  );
  assert.equal(config.secrets.serviceKeyFile, "/etc/private/service.key");
  assert.equal(config.tls.keyFile, "/srv/key.pem");
  assert.equal(config.sealing.legacyDisplay, true);
  assert.equal(config.tls.certificateFile, "/etc/sealpost/tls/certificate.pem");
  assert.deepEqual(config.database, { engine: "sqlite", path: "/etc/sealpost/sealpost.db" });
});

test("tables with domain names as keys keep the names, in their canonical form", () => {
  const config = parseConfig(
    `${SMALLEST}[relay.hosts]\n"BETA.test" = "127.0.0.3:2525"\n"xn--bcher-kva.test" = "[::1]:25"\n` +
      '[policy.domains."alpha.test"]\npolicy = "require"\nenforced = true\n',
    FILE,
  );
  assert.deepEqual(config.relay.hosts, {
    "beta.test": { host: "127.0.0.3", port: 2525 },
    "xn--bcher-kva.test": { host: "::1", port: 25 },
  });
  assert.deepEqual(config.policy.domains, { "alpha.test": { policy: "require", enforced: true } });
});

test("a listener whose table is there has its defaults", () => {
  const config = parseConfig(
    `${SMALLEST}[listen.submission]\n[listen.keyserver]\nport = 8443\n`,
    FILE,
  );
  assert.deepEqual(config.listen.submission, { host: "0.0.0.0", port: 465 });
  assert.equal(config.listen.keyserver?.port, 8443);
  assert.equal(config.listen.mx, undefined);
});

test("an unknown field is an error with its line", () => {
  assert.deepEqual(problemsOf(`${SMALLEST}\n[limits]\nmessage_bytes = 65536\nmesage_bytes = 1\n`), [
    `${FILE}:6: limits.mesage_bytes: there is no such field; see: sealpost config describe`,
  ]);
  assert.match(
    problemsOf(`${SMALLEST}[limits]\nmessageBytes = 65536\n`)[0] ?? "",
    /:4: limits\.messageBytes/,
  );
});

test("a wrong value is an error with its line and what the field takes", () => {
  const [problem = "", ...rest] = problemsOf(`${SMALLEST}[resolver]\nhost = "::1"\nport = "53"\n`);
  assert.deepEqual(rest, []);
  assert.match(
    problem,
    /^\/etc\/sealpost\/sealpost\.toml:5: resolver\.port: .*whole number from 1 to 65535/,
  );
});

test("every fault of a file is reported at once", () => {
  const problems = problemsOf(
    'hostname = "-"\n[policy]\ndefault = "maybe"\n[database]\nengine = "postgres"\n',
  );
  assert.equal(problems.length, 4);
  assert.ok(problems.some((p) => p.includes(":3: policy.default:")));
  assert.ok(problems.some((p) => p.includes('database.url: engine "postgres" needs a url')));
});

test("a syntax error is an error with line and column", () => {
  assert.match(
    problemsOf('domains = ["alpha.test"]\nhostname = mail\n')[0] ?? "",
    /sealpost\.toml:2:\d+: /,
  );
});

test("networks and next hops are checked when the file is read", () => {
  for (const network of ["127.0.0.1", "127.0.0.0/33", "::/129", "x/8", "10.0.0.0/8/8"]) {
    assert.equal(
      problemsOf(`${SMALLEST}[discovery]\nallow_networks = ["${network}"]\n`).length,
      1,
      network,
    );
  }
  for (const hop of ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", ":25"]) {
    assert.equal(problemsOf(`${SMALLEST}[relay.hosts]\n"beta.test" = "${hop}"\n`).length, 1, hop);
  }
});

test("an entry of [relay.hosts] may be a table with a place, and its faults are named", () => {
  const at = (entry: string) => problemsOf(`${SMALLEST}[relay.hosts]\n"beta.test" = ${entry}\n`);
  for (const [entry, expected] of [
    ["{ host = 'mx.test' }", /:4: relay\.hosts\.beta\.test: needs host and port, or socket/],
    [
      "{ socket = 's', port = 25 }",
      /:4: relay\.hosts\.beta\.test: has a socket beside host or port/,
    ],
    ["{ socket = 's', tls = 'maybe' }", /:4: relay\.hosts\.beta\.test\.tls: /],
    ["{ socket = 's', tlss = 'none' }", /relay\.hosts\.beta\.test\.tlss: there is no such field/],
    ["{ socket = 's', user = \"a\\u0000b\" }", /user: holds a control character/],
    ["25", /relay\.hosts\.beta\.test: /],
  ] as const) {
    const [first = "", ...others] = at(entry);
    assert.match(first, expected);
    assert.deepEqual(others, [], entry);
  }
});

test("a limit for one network that is no smaller than the whole is refused, also where it is the default", () => {
  for (const table of [
    "[limits]\nconnections = 100",
    "[limits]\nconnections = 300\nconnections_per_network = 300",
    "[keyserver]\nconnections = 150",
    "[keyserver]\nconnections_per_network = 2000",
  ]) {
    const [problem = "", ...more] = problemsOf(`${SMALLEST}${table}\n`);
    assert.match(problem, /connections_per_network.* must be smaller than connections/, table);
    assert.deepEqual(more, []);
  }
  const said = (table: string): string => problemsOf(`${SMALLEST}${table}\n`)[0] ?? "";
  assert.match(
    said("[limits]\nconnections = 100"),
    /; connections_per_network is 100 by default; connections stands in line 4 \(/,
  );
  assert.match(
    said("[keyserver]\nconnections_per_network = 2000"),
    /:4: .*; connections_per_network stands in line 4; connections is 2000 by default \(/,
  );
  assert.match(
    said("[limits]\nconnections = 300\nconnections_per_network = 300"),
    /; connections_per_network stands in line 5; connections stands in line 4 \(/,
  );
  const fits = "[limits]\nconnections = 101\n[keyserver]\nconnections_per_network = 1999\n";
  assert.deepEqual(problemsOf(`${SMALLEST}${fits}`), []);
});

test("a file that is not there says how to get one", async () => {
  await assert.rejects(loadConfig("/nonexistent/sealpost.toml"), (thrown) => {
    assert(thrown instanceof ConfigError);
    assert.match(thrown.problems.join("\n"), /sealpost init --domain/);
    return true;
  });
});

test("a configuration cannot be changed", () => {
  const config = parseConfig(SMALLEST, FILE);
  assert.ok(Object.isFrozen(config.limits));
});

test("every field and every table explains itself", () => {
  for (const field of describedFields()) {
    assert.match(field.description, /\.$/, field.name);
    assert.ok(
      field.isRequired ||
        field.default !== null ||
        annotatedFile().includes(field.name.split(".").at(-1) ?? "?"),
    );
    if (/_(ms|bytes)$/.test(field.name)) assert.notEqual(field.unit, null, field.name);
  }
});

test("the annotated file reads back as what was given and the defaults", () => {
  const text = annotatedFile({
    domains: ["alpha.test"],
    hostname: "mail.alpha.test",
    "listen.keyserver": {},
    "listen.keyserver.name": "keys.alpha.test",
    "listen.mx": {},
  });
  const config = parseConfig(text, FILE);
  const plain = parseConfig(SMALLEST, FILE);
  assert.deepEqual({ ...config, listen: plain.listen }, plain);
  assert.equal(config.listen.keyserver?.name, "keys.alpha.test");
  assert.deepEqual(config.listen.mx, { host: "0.0.0.0", port: 25 });
  assert.equal(config.listen.submission, undefined);
});

test("every default and every example in the annotated file is a value that the field takes", () => {
  const uncommented = annotatedFile()
    .split("\n")
    .map((line) => line.replace(/^#(?! )/, ""))
    .join("\n");
  assert.deepEqual(problemsOf(uncommented), []);
});

test("no fault in a configuration file prints a value, or a line, of it", () => {
  const secret = "postgres://sealpost:hunter2@db/sealpost";
  const faults = [
    `[database]\nengine = "postgres"\nurl = "${secret}" x\n`,
    `[database]\nengine = "postgres"\nurl = "${secret}\n`,
    `[database]\nengine = "postgres"\nurl = ${secret}\n`,
    `[database]\nengine = "${secret}"\n`,
    `[database]\nengine = "postgres"\nurl = ["${secret}"]\n`,
    `[database]\nengine = "postgres"\nurl = "${secret}"\nurl = "${secret}"\n`,
    `[database]\n"${secret}" = 1\n`,
    `domains = ["${secret}"]\n`,
    `[listen]\nmx = "${secret}"\n`,
    `[discovery]\nallow_networks = ["${secret}"]\n`,
    `[policy]\ndefault = "${secret}"\n`,
  ];
  for (const fault of faults) {
    for (const text of [fault, `${SMALLEST}${fault}`]) {
      assert.throws(
        () => parseConfig(text, "/etc/sealpost.toml"),
        (error) =>
          error instanceof ConfigError && !inspect(error, { depth: 9 }).includes("hunter2"),
        fault,
      );
    }
  }
});
