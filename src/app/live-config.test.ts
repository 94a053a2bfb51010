import assert from "node:assert/strict";
import { test } from "node:test";

import { parseConfig } from "../config/config.ts";
import { LiveConfig } from "./live-config.ts";

const BASE = 'domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n';

test("the language of notices changes while a server runs", () => {
  const live = new LiveConfig(parseConfig(BASE, "/etc/sealpost.toml"));
  const next = parseConfig(`${BASE}[notices]\nlanguage = "fr"\n`, "/etc/sealpost.toml");
  assert.deepEqual(live.take(next), { changed: ["notices.language"], restart: [] });
  assert.equal(live.current.notices.language, "fr");
});
