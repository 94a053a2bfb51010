import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { MINUTE } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { SecondLooks } from "./second-look.ts";

const reader = parseAddress("rosa@alpha.test") ?? assert.fail();
const author = parseAddress("bob@beta.test") ?? assert.fail();

/** Looks by a clock that the test moves, in minutes. */
function looksAt() {
  let minutes = 0;
  const looks = new SecondLooks(() => minutes * MINUTE);
  return {
    looks,
    pass: (more: number): void => {
      minutes += more;
    },
    due: (): boolean => looks.takeDue().get(idOf(reader))?.size === 1,
  };
}

test("an author who could not be asked is asked again after 1, 5, 15, 30 and 60 minutes, then hourly", () => {
  const { looks, pass, due } = looksAt();
  looks.failed(idOf(reader), author, true);
  for (const minutes of [1, 5, 15, 30, 60, 60]) {
    pass(minutes - 0.5);
    assert(!due(), `before ${minutes}`);
    pass(0.5);
    assert(due(), `after ${minutes}`);
    assert(!due(), "once");
    looks.failed(idOf(reader), author, false);
  }
});

test("several messages of one author that fail together count once", () => {
  const { looks, pass, due } = looksAt();
  looks.failed(idOf(reader), author, true);
  pass(1);
  assert(due());
  for (let message = 0; message < 5; message += 1) looks.failed(idOf(reader), author, false);
  pass(5);
  assert(due());
});

test("a new message begins again at a minute and never puts a look off", () => {
  const { looks, pass, due } = looksAt();
  looks.failed(idOf(reader), author, true);
  pass(1);
  assert(due());
  looks.failed(idOf(reader), author, false);
  pass(0.5);
  looks.failed(idOf(reader), author, true);
  pass(0.5);
  looks.failed(idOf(reader), author, true);
  pass(0.5);
  assert(due());
});

test("an author who was asked, or whose mail is gone, is forgotten", () => {
  const { looks, pass, due } = looksAt();
  looks.failed(idOf(reader), author, true);
  looks.answered(idOf(reader), author);
  pass(100);
  assert(!due());
  looks.failed(idOf(reader), author, true);
  pass(1);
  assert(due());
  pass(60);
  assert(!due());
  pass(600);
  assert(!due());
});
