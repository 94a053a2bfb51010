import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import {
  bob,
  certificateOf,
  fingerprintOf,
  keepRevocation,
  plain,
} from "../../../test/support/published.ts";
import { keyIdOf } from "../../openpgp/packets/fingerprint.ts";
import { findById, findPublished } from "./certificates.ts";
import { publish } from "./publish.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: a certificate is found by address in any case, by fingerprint, subkey and key ID`, async () => {
    await using store = await open();
    const certificate = certificateOf("A");
    const subkey = fingerprintOf("B");
    await keepRevocation(store, certificate.fingerprint);
    await publish(store, certificate, [subkey]);
    assert.deepEqual(
      plain(await findPublished(store, addressOf("alice@ALPHA.test"))),
      plain(certificate),
    );
    for (const id of [
      certificate.fingerprint,
      subkey,
      keyIdOf(certificate.fingerprint),
      keyIdOf(subkey),
    ]) {
      assert.deepEqual((await findById(store, id)).map(plain), [plain(certificate)]);
    }
    assert.deepEqual(await findById(store, fingerprintOf("C")), []);
    assert.equal(await findPublished(store, bob), undefined);
  });
}
