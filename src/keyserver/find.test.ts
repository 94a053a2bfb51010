import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUnixMs } from "../base/time.ts";
import { parseAddress, parseDomain, type Domain } from "../mail/address.ts";
import type { PublishedView } from "../store/keys/published-view.ts";
import { find } from "./find.ts";

/** A view without rows that writes down what it is asked. */
function emptyView(): PublishedView & { readonly asked: string[] } {
  const asked: string[] = [];
  const ask = (key: string): readonly [] => {
    asked.push(key);
    return [];
  };
  return {
    asked,
    byAddress: ask,
    byDirectoryName: ask,
    byId: ask,
    together: (work) => {
      work();
    },
    refresh: () => undefined,
    [Symbol.asyncDispose]: async () => Promise.resolve(),
  };
}

const domains: ReadonlySet<Domain> = new Set([parseDomain("alpha.test") ?? ("" as Domain)]);

test("an absent and a foreign address cost the same queries, with and without detail", () => {
  for (const [local, queries] of [
    ["absent", 1],
    ["absent+x", 2],
  ] as const) {
    for (const domain of ["alpha.test", "foreign.test"]) {
      const view = emptyView();
      const address = parseAddress(`${local}@${domain}`);
      assert(address);
      const search = { kind: "address", address, mayHaveDetail: true } as const;
      assert.deepEqual(find({ view, domains }, search, fromUnixMs(0)), []);
      assert.equal(view.asked.length, queries);
    }
  }
});

test("an absent and a foreign name of the directory cost the same queries", () => {
  for (const domain of ["alpha.test", "foreign.test"]) {
    const view = emptyView();
    const search = { kind: "directory", name: `hash@${domain}` } as const;
    assert.deepEqual(find({ view, domains }, search, fromUnixMs(0)), []);
    assert.deepEqual(view.asked, [`hash@${domain}`]);
  }
});
