/**
 * A string (or other value) that a parser has checked once: only the parser of `Name` makes it, so nobody checks again.
 * It costs nothing at run time.
 */
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };

declare const brand: unique symbol;
