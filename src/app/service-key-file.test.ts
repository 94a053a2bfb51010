import assert from "node:assert/strict";
import { test } from "node:test";

import { newServiceRoot } from "../vault/service-key.ts";
import { deleteFormerKeys, replaceServiceKey } from "./service-key-file.ts";

test("a service key that systemd hands over is replaced and deleted where it comes from", () => {
  const file = "/run/credentials/sealpost.service/service.key";
  assert.throws(() => {
    replaceServiceKey(file, newServiceRoot());
  }, /give the unit a new one, and the one before as service\.key\.former.*rotate --resume/);
  assert.throws(() => {
    deleteFormerKeys(file);
  }, /take the credential service\.key\.former from the unit/);
});
