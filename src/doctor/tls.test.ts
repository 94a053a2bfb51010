import assert from "node:assert/strict";
import { test } from "node:test";

import { ADDRESS, lines, now, seen } from "../../test/support/doctor-world.ts";
import { DAY, after } from "../base/time.ts";
import type { TlsView } from "../fetch/probe.ts";
import { tls } from "./tls.ts";

const WORLDS: readonly [string, readonly TlsView[] | string, RegExp][] = [
  ["for the host is fine", [seen()], /^ok .*good until/],
  [
    "that ends within two weeks is warned of",
    [seen({ validUntil: after(now, 13 * DAY) })],
    /^warn .*ends on/,
  ],
  ["for a fortnight and more is fine", [seen({ validUntil: after(now, 15 * DAY) })], /^ok /],
  ["that nobody trusts fails", [seen({ distrust: "expired" })], /^fail .*nobody trusts: expired/],
  [
    "for another name fails",
    [seen({ isNamed: () => false, names: "www.evil.test" })],
    /^fail .*another name: www\.evil\.test.*names keys\.alpha\.test/,
  ],
  [
    "for the mail domain alone is warned of",
    [seen({ isNamed: (host) => host === "alpha.test", names: "alpha.test" })],
    /^warn .*some senders insist/,
  ],
  [
    "that cannot be seen fails",
    [{ kind: "unseen", address: ADDRESS, reason: "ECONNREFUSED" }],
    /^fail .*ECONNREFUSED.*sealpost serve --role keyserver/,
  ],
  ["in a private network fails", "no public address", /^fail .*may not be.*allow_networks/],
];
for (const [what, views, says] of WORLDS) {
  test(`a certificate ${what}`, async () => {
    assert.match(await lines(tls, { tls: views }), says);
  });
}

test("each address is looked at, and a host without one is skipped", async () => {
  const views = [seen(), seen({ address: "192.0.2.3", distrust: "self-signed" })];
  assert.match(await lines(tls, { tls: views }), /^ok .*\nfail .*192\.0\.2\.3/);
  assert.match(await lines(tls, { tls: "no address", addresses: {} }), /^skip /);
});
