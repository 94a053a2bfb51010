import assert from "node:assert/strict";
import { test } from "node:test";

import { isCredential, mayOthersRead } from "./private-file.ts";

test("a private file is its owner's alone; a credential of a service may show a group", () => {
  assert.equal(mayOthersRead("/etc/sealpost/service.key", 0o100600), false);
  assert.equal(mayOthersRead("/etc/sealpost/service.key", 0o100640), true);
  const credential = "/run/credentials/sealpost.service/service.key";
  assert.equal(mayOthersRead(credential, 0o100400), false);
  assert.equal(mayOthersRead(credential, 0o100440), false);
  assert.equal(mayOthersRead(credential, 0o100444), true);
  assert.equal(isCredential("/etc/run/credentials/service.key"), false);
});
