import assert from "node:assert/strict";
import { test } from "node:test";

import { within } from "../../../test/support/cpu-time.ts";
import { textOfHtml } from "./html-text.ts";
import { messageText } from "./message-text.ts";

const message = (...lines: readonly string[]): Uint8Array => Buffer.from(lines.join("\r\n"));
const wordsIn = (text: string): string => text.split(/\s+/).filter(Boolean).join(" ");

test("the text of a message is its plain text, in its own encoding", () => {
  const quoted = message(
    "Content-Type: text/plain; charset=iso-8859-1",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "Br=FBl=E9e",
  );
  assert.equal(messageText(quoted), "Brûlée");
});

test("of alternatives the plain one is taken, and attachments are left out", () => {
  const parts = message(
    "Content-Type: multipart/mixed; boundary=m",
    "",
    "--m",
    "Content-Type: multipart/alternative; boundary=a",
    "",
    "--a",
    "Content-Type: text/plain",
    "",
    "plain words",
    "--a",
    "Content-Type: text/html",
    "",
    "<p>marked words</p>",
    "--a--",
    "--m",
    "Content-Type: text/html",
    "",
    "<p>foot<b>note</b></p>",
    "--m",
    "Content-Type: message/rfc822",
    "",
    "Subject: inner",
    "",
    "forwarded words",
    "--m",
    "Content-Type: text/plain",
    "Content-Disposition: attachment; filename=x.txt",
    "",
    "attached words",
    "--m--",
  );
  assert.equal(wordsIn(messageText(parts)), "plain words footnote forwarded words");
});

test("HTML gives its words without tags, scripts and comments", () => {
  for (const [html, text] of [
    ["<p>one</p><p>two</p>", "one two"],
    ["ti<b>de</b>s<br>low", "tides low"],
    ["a<script>var hidden = '<b>';</script>b<style>x{}</style>c", "a b c"],
    ["a<!-- hidden > --> b", "a b"],
    ["&lt;x&gt; caf&eacute; &#252;ber &#x4e00; &nbsp; R&amp;D", "x cafe über 一 R&D"],
    ["cut <b", "cut"],
    ["a <script>never closed", "a"],
    ["&#9999999;&#0;", ""],
  ] as const) {
    assert.equal(wordsIn(textOfHtml(html)), text, html);
  }
});

test("crafted HTML takes no longer than other HTML", async () => {
  for (const piece of ["<", "<script>", "<!--", "</style", "&", "&#", "<b "]) {
    await within(3000, () => textOfHtml(piece.repeat(300_000)));
  }
});

test("a message that is cut off gives what there is", () => {
  const cut = message("Content-Type: multipart/mixed; boundary=m", "", "--m", "", "part");
  assert.equal(messageText(cut), "part");
  assert.equal(messageText(new Uint8Array()), "");
});
