import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUnixMs } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import type { Store } from "../store/store.ts";
import { traceIncoming, type DeliveredMessage } from "./tracing.ts";
import { locked, unprotected } from "./verdicts.ts";

const account = parseAddress("bob@beta.test") ?? assert.fail();
const at = fromUnixMs(0);

async function traced(message: Pick<DeliveredMessage, "form" | "verdict">) {
  const details: Readonly<Record<string, unknown>>[] = [];
  const { delivered } = traceIncoming(async (_messageId, _step, detail) => {
    details.push(detail);
    return Promise.resolve();
  });
  const common = { state: "done", sizeBytes: 1, messageId: undefined } as const;
  await delivered({
    store: {} as Store,
    reader: account,
    message: { ...common, ...message },
  });
  return details[0] ?? assert.fail();
}

test("the trace of a clear-signed message says what its verdict rests on", async () => {
  const verdict = {
    ...unprotected(at),
    signature: "unknown",
    signer: "alice@alpha.test",
    warnings: ["NOT_ADDRESSED"],
    evidence: { reason: "no-key" },
  } as const;
  const { result, signature, signer, warnings, reason } = await traced({
    form: "wrapped",
    verdict,
  });
  assert.deepEqual(
    [result, signature, signer, warnings, reason],
    ["UNPROTECTED", "unknown", "alice@alpha.test", "NOT_ADDRESSED", "no-key"],
  );
});

test("the trace of a sealed message says nothing of a signature before it is opened", async () => {
  const detail = await traced({ form: "sealed", verdict: locked(at) });
  assert.equal(detail["signature"], undefined);
});
