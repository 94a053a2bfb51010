import assert from "node:assert/strict";
import { before, test } from "node:test";

import { MESSAGE, makePeople, send } from "../../test/support/submission.ts";
import { formatAddress } from "../mail/address.ts";

before(makePeople);

for (const [obstacle, expected] of [
  ["size", /^552 5\.3\.4 /],
  ["smtputf8", /^553 5\.6\.7 /],
] as const) {
  test(`what our side knows of the next hop has a code of its own: ${obstacle}`, async () => {
    const { reply } = await send(MESSAGE, ["bob@beta.test"], {
      outcome: () => ({ kind: "refused", code: 0, obstacle, text: "words", temporary: false }),
    });
    assert.match(reply, expected);
  });
}

test("the words of the next hop choose no code, its code does", async () => {
  for (const [code, text, expected] of [
    [550, "5.3.4 a lie about the size", /^550 5\.0\.0 .* 5\.3\.4 a lie/],
    [554, "5.6.7 a lie about the address", /^554 5\.0\.0 /],
    [552, "5.2.2 the mailbox is full", /^552 5\.0\.0 /],
    [521, "5.3.4 not here", /^550 5\.0\.0 /],
  ] as const) {
    const { reply } = await send(MESSAGE, ["bob@beta.test"], {
      outcome: () => ({ kind: "refused", code, text, temporary: false }),
    });
    assert.match(reply, expected);
  }
});

test("trouble while handing on is no fault of the message", async () => {
  const outcome = () => {
    throw new Error("out of order");
  };
  await assert.rejects(send(MESSAGE, ["bob@beta.test"], { outcome }), /out of order/);
});

test("a refusal of the next hop is the client's answer, and nothing is kept", async () => {
  const { reply, kept } = await send(MESSAGE, ["bob@beta.test"], {
    outcome: () => ({ kind: "refused", code: 550, text: "5.1.1 no such user", temporary: false }),
  });
  assert.match(reply, /^550 5\.0\.0 <bob@beta\.test> 5\.1\.1 no such user$/);
  assert.deepEqual(kept, []);
});

test("when one of two recipients was taken, the other waits and the client hears 250", async () => {
  const { reply, kept } = await send(
    MESSAGE.replace("To: bob@beta.test", "To: bob@beta.test, ben@beta.test"),
    ["bob@beta.test", "ben@beta.test"],
    {
      outcome: ({ local }) =>
        local === "bob"
          ? { kind: "accepted", text: "250 ok" }
          : { kind: "refused", code: 452, text: "4.2.2 full", temporary: true },
    },
  );
  assert.match(reply, /^250/);
  assert.deepEqual(
    kept.map(({ envelope }) => envelope.recipients.map(formatAddress)),
    [["ben@beta.test"]],
  );
});
