/** What the domains of authors answer, for tests of verdicts. */
import type { AuthorAnswer, AuthorKeyAnswer } from "../../src/discovery/author.ts";
import type { AuthorDeps } from "../../src/incoming/check-signature.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";

type Answered = Extract<AuthorAnswer, { kind: "answered" }>;

/** The domain serves these certificates for the address. */
export function serves(...certificates: readonly Certificate[]): Answered {
  return {
    kind: "answered",
    code: "OK",
    keys: certificates.map((certificate) => ({ certificate })),
  };
}

/** The domain has no key for the address, or no service. */
export function servesNothing(code: "NOKEY" | "NOSVC" | "INSEC" = "NOKEY"): Answered {
  return { kind: "answered", code, keys: [] };
}

/** Nobody could be asked. */
export const SILENT: AuthorAnswer = { kind: "unreachable", reason: "not asked" };

/** One answer about every author, and one about every other key. */
export function authorDeps(
  answer: AuthorAnswer,
  key: AuthorKeyAnswer = { kind: "absent" },
): AuthorDeps {
  return {
    askAuthor: async () => Promise.resolve(answer),
    askAuthorKey: async () => Promise.resolve(key),
  };
}

/** For messages whose author nobody may be asked about. */
export const NOBODY_ASKED: AuthorDeps = {
  askAuthor: async () => Promise.reject(new Error("nobody is to be asked")),
  askAuthorKey: async () => Promise.reject(new Error("nobody is to be asked")),
};
