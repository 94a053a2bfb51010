/** The next hops of a configuration, and what cannot be right about them. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { domain } from "../../test/support/doctor-world.ts";
import { fieldsIn, parseConfig } from "../config/config.ts";
import { hopFieldProblems } from "./hop-problems.ts";
import { hopFor, hopsOf, reuseOf } from "./hops.ts";

const HEAD = 'domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n';
const FILE = "/etc/sealpost/sealpost.toml";

const read = (tables: string) => parseConfig(`${HEAD}${tables}`, FILE);

/** The faults of tables, without the file's name. */
function faults(tables: string): readonly string[] {
  const text = `${HEAD}${tables}`;
  const problems = hopFieldProblems(parseConfig(text, FILE), fieldsIn(text, FILE));
  return problems.map((one) => one.replace(`${FILE}:`, ""));
}

test("a hop has what its table says, and takes nothing over from another", () => {
  const config = read(
    '[relay]\nhost = "smtp.alpha.test"\nport = 587\ntls = "required"\nca_file = "ca.pem"\nserver_name = "mx.alpha.test"\n' +
      'user = "sealpost"\npassword_file = "secrets/relay"\nforward = "xclient"\nidle_seconds = 9\nmessages_per_connection = 7\n' +
      '[relay.hosts]\n"beta.test" = "127.0.0.3:25"\n"gamma.test" = { socket = "run/hop", protocol = "lmtp", forward = "xforward" }\n',
  );
  const own = {
    host: "smtp.alpha.test",
    port: 587,
    protocol: "smtp",
    tls: "required",
    caFile: "/etc/sealpost/ca.pem",
    serverName: "mx.alpha.test",
    login: { user: "sealpost", passwordFile: "/etc/sealpost/secrets/relay" },
    forward: "xclient",
  };
  assert.deepEqual(hopFor(config, domain("delta.test")), own);
  assert.deepEqual(hopFor(config, domain("beta.test")), { host: "127.0.0.3", port: 25 });
  const gamma = { socket: "/etc/sealpost/run/hop", protocol: "lmtp", forward: "xforward" };
  assert.deepEqual(hopFor(config, domain("gamma.test")), gamma);
  assert.equal(hopsOf(config.relay).length, 3);
  assert.deepEqual(reuseOf(config.relay), { idleMs: 9000, messages: 7 });
  assert.deepEqual(reuseOf(read("").relay), { idleMs: 5000, messages: 100 });
});

test("fields that contradict each other are faults, each with its line", () => {
  const remote = '[relay]\nhost = "smtp.alpha.test"\n';
  const login = 'user = "u"\npassword_file = "p"\n';
  for (const [tables, expected] of [
    [`${remote}${login}`, /^5: relay\.user: a password goes to another host only with tls/],
    [`${remote}tls = "none"\n${login}`, /^6: relay\.user: /],
    [`[relay]\nuser = "u"\n`, /^4: relay\.user: user and password_file need each other/],
    [`[relay]\npassword_file = "p"\n`, /^4: relay\.password_file: user and password_file/],
    [`[relay]\nca_file = "ca.pem"\n`, /^4: relay\.ca_file: no certificate is checked without/],
    [`[relay]\nserver_name = "mx.test"\n`, /^4: relay\.server_name: no certificate is checked/],
    [`[relay]\nsocket = "s"\ntls = "required"\n`, /^5: relay\.tls: a socket has no name/],
    [`[relay]\nsocket = "s"\nport = 25\n`, /^4: relay\.socket: stands beside host or port/],
    [
      `[relay]\nprotocol = "lmtp"\nport = 25\n`,
      /^5: relay\.port: nobody may speak LMTP at port 25/,
    ],
    [
      `[relay.hosts."beta.test"]\nhost = "mx.beta.test"\nport = 25\n${login}`,
      /^6: relay\.hosts\.beta\.test\.user: a password goes/,
    ],
  ] as const) {
    const [first = "", ...others] = faults(tables);
    assert.match(first, expected);
    assert.deepEqual(others, [], tables);
  }
  for (const fine of [
    `${remote}tls = "required"\n${login}`,
    `[relay]\n${login}`,
    `[relay]\nhost = "localhost"\n${login}`,
    `[relay]\nsocket = "s"\n${login}`,
    `[relay]\nsocket = "s"\ntls = "required"\nserver_name = "mx.test"\nca_file = "ca.pem"\n`,
  ]) {
    assert.deepEqual(faults(fine), [], fine);
  }
});
