/** In which language a sender hears of a message that waits. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../../test/support/accounts.ts";
import { CANARY, deferralWorld, MESSAGE } from "../../../test/support/deferral-world.ts";
import { engines } from "../../../test/support/engines.ts";
import { alice } from "../../../test/support/key-life.ts";
import { readNotice } from "../../../test/support/read-notice.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import { updateAccount } from "../../store/accounts/accounts.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: a sender whose language is German is told in German that it waits, why and until when, and why it ends`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    await updateAccount(store, idOf(alice), { language: "de" });
    await world.send(MESSAGE, ["bob@beta.test"]);
    await world.pass(5 * HOUR);
    const [copy, ...more] = world.relayed;
    assert(copy && more.length === 0);
    const notice = readNotice(copy.message);
    assert.equal(notice.field("Subject"), "Ihre Nachricht wartet");
    assert.equal(notice.field("Content-Language"), "de");
    assert.match(
      notice.text,
      /^ {2}<bob@beta\.test>: es ist nicht sicher, ob für <bob@beta\.test>\s/m,
    );
    assert.match(notice.text, /bis zum \d+\. [A-Z]\w+ \d{4} um \d\d:\d\d UTC\s/);
    assert.match(notice.status ?? "", /^Diagnostic-Code: smtp; .* encryption status that is not/m);
    assert(!Buffer.from(copy.message).includes(CANARY));
    const [waiting] = await world.waiting();
    assert(waiting);
    assert.equal(await world.cancel(waiting.id), "cancelled");
    await world.pass(MINUTE);
    const bounce = readNotice(world.relayed.at(-1)?.message ?? assert.fail());
    assert.equal(bounce.field("Subject"), "Ihre Nachricht konnte nicht zugestellt werden");
    assert.match(bounce.text, /<bob@beta\.test>: Ihr Anbieter hat Ihre Nachricht angehalten,/);
  });
}
