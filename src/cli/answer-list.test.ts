import assert from "node:assert/strict";
import { test } from "node:test";

import { answerList } from "./answer-list.ts";
import type { Call } from "./command.ts";

async function answered(count: number, isJson: boolean): Promise<string> {
  const written: (string | Uint8Array)[] = [];
  const call = { isJson, terminal: { write: (text: string) => written.push(text) } };
  async function* numbers(): AsyncGenerator<number> {
    for (let number = 0; number < count; number += 1) yield await Promise.resolve(number);
  }
  await answerList(call as unknown as Call, numbers(), {
    view: async (number) => Promise.resolve({ number, absent: undefined }),
    cells: ({ number }) => [`n${String(number)}`, "x"],
  });
  return written.join("");
}

test("a list in pages is the JSON document that it would be in one piece", async () => {
  for (const count of [0, 1, 200, 201, 450]) {
    const all = Array.from({ length: count }, (_, number) => ({ number, absent: null }));
    assert.equal(await answered(count, true), `${JSON.stringify(all, null, 2)}\n`);
  }
});

test("a list in pages keeps its columns apart", async () => {
  const lines = (await answered(450, false)).split("\n");
  assert.equal(lines[0], "n0    x");
  assert.equal(lines[449], "n449  x");
  assert.equal(await answered(0, false), "");
});
