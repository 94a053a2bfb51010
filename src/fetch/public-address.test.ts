import assert from "node:assert/strict";
import { test } from "node:test";

import { AppError } from "../base/errors.ts";
import { addressFilter } from "./public-address.ts";

const NOT_PUBLIC = [
  "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254",
  "172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255",
  "198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255",
  ":: ::1 fc00::1 fd12::1 fe80::1 ff02::1 2001:db8::1 100::1 2002:7f00:1::1 2001::1 3fff::1",
  "::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 fe80::1%eth0 5f00::1",
  "2606:4700::1111%eth0 localhost 127.1 0x7f000001 2130706433 017700000001",
]
  .join(" ")
  .split(" ");
const PUBLIC =
  "1.1.1.1 8.8.8.8 100.63.0.1 172.32.0.1 198.20.0.1 223.255.255.255 2606:4700::1111 2a00::1".split(
    " ",
  );

for (const address of NOT_PUBLIC) {
  test(`${address} is not connected to`, () => {
    assert.equal(addressFilter([])(address), false);
  });
}

for (const address of PUBLIC) {
  test(`${address} may be connected to`, () => {
    assert.equal(addressFilter([])(address), true);
  });
}

test("a listed network is allowed, in its own family only", () => {
  const may = addressFilter(["127.0.0.0/8", "fd00::/8"]);
  assert.deepEqual(["127.0.0.2", "fd00::2", "10.0.0.1", "::ffff:127.0.0.1", "fc00::1"].map(may), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.equal(addressFilter(["::/0"])("10.0.0.1"), false);
  assert.equal(addressFilter(["::/0"])("fe80::1%eth0"), false);
});

test("a single address may be allowed, and nothing beside it", () => {
  const may = addressFilter(["127.0.0.1/32", "::1/128", "fd00:1::/33"]);
  const tried = ["127.0.0.1", "127.0.0.0", "::1", "::2", "fd00:1:7fff::1", "fd00:1:8000::1"];
  assert.deepEqual(tried.map(may), [true, false, true, false, true, false]);
});

test("what is no network is refused at the start", () => {
  for (const range of ["127.0.0.1", "127.0.0.0/33", "fd00::/129", "x/8", "127.0.0.0/", "1/8/9"]) {
    assert.throws(
      () => addressFilter([range]),
      (error) =>
        error instanceof AppError && !error.temporary && /not a network/.test(error.message),
      range,
    );
  }
});
