/** A language in which Sealpost writes to its users, by its tag. */
export type Language = "en" | "de" | "fr";

/** All words of `Language`. */
export const LANGUAGES: readonly Language[] = ["en", "de", "fr"];
