/** The addresses that a text of the trace names, as an index keeps them. An erasure finds them there. */

/** What a local part without quotes and a domain are made of. */
const LOCAL = String.raw`[\p{L}\p{N}.!#$%&'*+/=?^_\x60{|}~-]`;
const LABEL = String.raw`[\p{L}\p{N}][\p{L}\p{N}-]*`;
const NAMED = new RegExp(String.raw`(?<=(${LOCAL}+))@(?=(${LABEL}(?:\.${LABEL})*))`, "gu");
const INDEXED = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$/;

/** Every address in a text whose local part needs no quotes, folded and once. */
export function namesIn(text: string): readonly string[] {
  const names = [...text.matchAll(NAMED)].map(([, local = "", domain = ""]) =>
    folded(`${local}@${domain}`),
  );
  return [...new Set(names)];
}

/** How the index has an address; undefined for one that only the whole text tells. */
export function indexedName(address: string): string | undefined {
  return INDEXED.test(address) ? folded(address) : undefined;
}

/** Equal for texts that differ in case alone, also where a letter has two small ones. */
function folded(text: string): string {
  return text.toUpperCase().toLowerCase();
}
