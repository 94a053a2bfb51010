/** The figures of a gateway that runs, as a monitoring system reads them. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { deliverTo, makeLoneServer } from "../support/lone-server.ts";

const HOST = "127.0.0.1";

test("a listener has the same name in every figure, and it is the one of the documentation", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-figures-"));
  try {
    const any = { host: HOST, port: 0 };
    const listen = {
      submission: any,
      submission_starttls: any,
      mx: any,
      lmtp: any,
      metrics: any,
    };
    const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
    const server = await makeLoneServer(dir, database, { listen });
    await using serving = await server.serve("gateway");
    await deliverTo(serving.place("lmtp"), "<one@beta.test>");
    const { port } = serving.place("metrics");
    const text = await (await fetch(`http://${HOST}:${String(port)}/metrics`)).text();
    const names = (series: string): ReadonlySet<string> =>
      new Set(
        [...text.matchAll(new RegExp(`^sealpost_${series}\\{listener="([^"]+)"`, "gm"))].map(
          ([, name = ""]) => name,
        ),
      );
    const page = await readFile(
      join(import.meta.dirname, "../../docs/operate/metrics-and-logs.md"),
      "utf8",
    );
    const [, sentence = ""] = /^`listener` is (.*?)\./m.exec(page) ?? [];
    const documented = new Set([...sentence.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
    assert.deepEqual(names("connections"), documented);
    assert.deepEqual(
      [...names("answers_total")].filter((name) => !documented.has(name)),
      [],
    );
    assert(names("answers_total").has("lmtp"));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
