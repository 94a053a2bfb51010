/** A zone of the lab, and the ways in which it may come out of signing. */

/**
 * How a zone comes out. `tampered`: data changed after signing. `expired`: signatures of 2024. `ending`: good ones that
 * end in two days. `stripped`: a DS in the parent, no signatures. `other-key`: signed by a key that the DS in the parent does not name. `unsigned`: no DS.
 */
export type Signing =
  | "signed"
  | "nsec3"
  | "nsec3-opt-out"
  | "unsigned"
  | "tampered"
  | "expired"
  | "ending"
  | "stripped"
  | "other-key";

/** A zone below `test.`, or, with `parent`, below another signed zone. */
export type LabZone = {
  readonly name: string;
  readonly signing: Signing;
  readonly records: readonly string[];
  readonly parent?: string;
};

/** The name of the server of every zone. */
export const NAME_SERVER = "ns.test.";
