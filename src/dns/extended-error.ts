/** What a resolver means by an extended error code (RFC 8914 §4), in the words of somebody who has to mend it. */
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [0, "another error"],
  [1, "the zone is signed with an algorithm that the resolver does not know"],
  [2, "the DS record has a digest that the resolver does not know"],
  [3, "the answer is an old one from the cache"],
  [4, "the answer was forged by the resolver's policy"],
  [5, "the resolver could not find out whether the zone is signed"],
  [6, "the signatures do not fit the data: it was changed after signing, or forged"],
  [7, "the signatures have expired: the zone was not signed again in time"],
  [8, "the signatures are not valid yet: a clock is wrong, here or at the signer"],
  [9, "no key of the zone fits the DS record in its parent zone"],
  [10, "signatures are missing although the parent zone says that the zone is signed"],
  [11, "the zone's key is not marked as a zone key"],
  [12, "the proof that something does not exist is missing"],
  [13, "the resolver remembers an earlier failure"],
  [14, "the resolver is not ready"],
  [15, "the resolver's operator blocks the name"],
  [16, "the name is censored"],
  [17, "the name is filtered"],
  [18, "the resolver does not answer us"],
  [19, "the answer is an old one from the cache"],
  [20, "the name server does not serve the zone"],
  [21, "not supported"],
  [22, "no name server of the zone can be reached"],
  [23, "the network between resolver and name server fails"],
  [24, "a name server's answer makes no sense"],
  [25, "the signatures expire too soon to be believed"],
  [27, "the proof of absence (NSEC3) asks for too many iterations"],
]);

/** Codes that say that the domain's own signatures or keys are at fault: waiting alone mends nothing. */
const DOMAINS_FAULT = new Set([5, 6, 7, 8, 9, 10, 11, 12, 25]);

/** The codes in words, one after the other; empty when there are none. */
export function explainExtendedErrors(codes: readonly number[]): string {
  return [...new Set(codes)]
    .map((code) => `${MEANINGS.get(code) ?? "an error without a name"} (EDE ${code})`)
    .join("; ");
}

/** Whether the domain itself is at fault, so that asking again later changes nothing by itself. */
export function isDomainsFault(codes: readonly number[]): boolean {
  return codes.some((code) => DOMAINS_FAULT.has(code));
}
