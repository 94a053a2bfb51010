import assert from "node:assert/strict";
import { test } from "node:test";

import { replyText } from "../../test/support/reply-text.ts";
import { reasonOf } from "../smtp/reason.ts";
import { loginReply } from "./login-replies.ts";

test("each refused login has its own reply and its own reason", () => {
  const said = (["refused", "throttled", "busy"] as const).map((kind) => {
    const reply = loginReply({ kind });
    return [replyText(reply), reasonOf("auth", reply)];
  });
  assert.deepEqual(said, [
    ["535 5.7.8 authentication credentials invalid", "wrong-password"],
    ["454 4.7.0 too many failed logins; try again later", "throttled"],
    ["454 4.3.2 too many logins at once; try again later", "overloaded"],
  ]);
});
