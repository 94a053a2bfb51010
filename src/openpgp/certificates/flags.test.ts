import assert from "node:assert/strict";
import { test } from "node:test";

import { flags, forged, newForge } from "../../../test/support/forge-certificate.ts";
import { ADA, NOW } from "../../../test/support/secret-keys.ts";
import { DAY, after } from "../../base/time.ts";
import { recipientOf } from "../messages/container-choice.ts";
import { acceptForEncryption } from "./acceptance.ts";

const MADE = after(NOW, -DAY);
const V1 = flags(0x01);
const V2 = flags(0x09);
const NOTHING = null as never;
const forge = await newForge(MADE);

test("what a user ID does not say of the owner's software, the direct-key signature says", async () => {
  for (const [certified, direct, readsV2] of [
    [NOTHING, V2, true],
    [NOTHING, V1, false],
    [V1, V2, false],
    [V2, V1, true],
    [NOTHING, NOTHING, false],
  ]) {
    const certification = { features: certified as Uint8Array };
    const plan = { date: MADE, certification, direct: { features: direct as Uint8Array } };
    const accepted = await acceptForEncryption(await forged(forge, plan), ADA, NOW);
    assert(accepted.kind === "acceptable");
    assert.equal(recipientOf(accepted.certificate, NOW).readsV2, readsV2);
  }
});
