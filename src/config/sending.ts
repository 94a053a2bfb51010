/** The tables about mail that users send, and mail that they get from us. */
import { z } from "zod";

import { note } from "./values.ts";

/** How mail is sealed. */
export const sealing = note(
  z
    .strictObject({
      legacy_display: note(
        z.boolean().default(true),
        "The subject stands once more at the top of the text, for readers whose program does not know protected header fields (RFC 9788). false: they see [...] alone.",
      ),
    })
    .prefault({}),
  "How mail is sealed.",
);

/** What is done with mail that users submit. */
export const submission = note(
  z
    .strictObject({
      sent_copies: note(
        z.boolean().default(true),
        "Each message that a user submits is kept in the folder Sent of their mailbox here, encrypted to them, with what each recipient got. false: for users whose mail programs save a copy in the same mailbox.",
      ),
      split: note(
        z.boolean().default(false),
        "A message for several recipients leaves sealed for those who have a certificate, and in clear for the others whose policy allows it. false: all of them get the same, because one clear copy reveals what the sealed ones protect.",
      ),
      defer_hours: note(
        z.number().int().min(1).max(120).default(24),
        "How long a message waits whose recipients may or may not have a certificate, because their DNS or keyserver gives no answer that can be believed. Then it bounces. It never leaves in clear because of that. 1 to 120.",
      ),
      notice_hours: note(
        z.number().int().min(1).max(120).default(4),
        "After how many hours of waiting its sender is told; fewer than defer_hours. 1 to 120.",
      ),
    })
    .refine((s) => s.notice_hours < s.defer_hours || s.defer_hours === 1, {
      message: "must be smaller than defer_hours, so that its sender is told while it waits",
      path: ["notice_hours"],
      params: { compared: "defer_hours" },
    })
    .prefault({}),
  "What is done with mail that users submit.",
);

/** Mail that Sealpost itself writes. */
export const notices = note(
  z
    .strictObject({
      language: note(
        z.enum(["en", "de", "fr"]).default("en"),
        "The language of those who have none of their own (`sealpost account language`).",
      ),
      digest: note(
        z.boolean().default(false),
        "Once a day users get a mail when mail of theirs left in clear the day before, because recipients could not be encrypted for: how many messages, and why. Each of them may have it otherwise (`sealpost account digest`).",
      ),
    })
    .prefault({}),
  "The mail that Sealpost itself writes to users: bounces, notices of mail that waits, digests, and warnings of keys that end.",
);
