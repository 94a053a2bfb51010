import { asBuffer } from "../base/bytes.ts";
import { contentTypeIn } from "./content-type.ts";
import type { HeaderField } from "./header.ts";
import { scanParameters } from "./parameters.ts";

const FOLD_AT = 78;

/**
 * A Content-Type field with one more parameter, put before the others; all else keeps its bytes. The value must be a
 * token. Undefined when the field is too odd to be sure of the outcome.
 */
export function withParameter(
  field: HeaderField,
  name: string,
  value: string,
): HeaderField | undefined {
  const { head, body, end } = splitField(field);
  const before = contentTypeIn(field);
  const at = scanParameters(body).end;
  const added = `; ${name}="${value}"`;
  const lineStart = Math.max(body.lastIndexOf("\n", at - 1) + 1, 0);
  const indent = lineStart === 0 ? head.length : 0;
  const isLong = indent + at - lineStart + added.length > FOLD_AT;
  const inserted = isLong ? `;\r\n ${name}="${value}"` : added;
  const made = joinField(field, head + body.slice(0, at) + inserted + body.slice(at) + end);
  const after = contentTypeIn(made);
  const isSame =
    before !== undefined &&
    after !== undefined &&
    before.type === after.type &&
    before.subtype === after.subtype &&
    after.parameters.get(name) === value &&
    [...before.parameters].every(([key, text]) => after.parameters.get(key) === text);
  return isSame ? made : undefined;
}

/** The field without the parameters of these lower-case names; all else keeps its bytes. */
export function withoutParameters(field: HeaderField, names: ReadonlySet<string>): HeaderField {
  const { head, body, end } = splitField(field);
  const { parameters } = scanParameters(body);
  let kept = "";
  let from = 0;
  for (const { name, start, end: stop } of parameters) {
    if (!names.has(name)) continue;
    kept += body.slice(from, start);
    from = stop;
  }
  return from === 0 ? field : joinField(field, head + kept + body.slice(from) + end);
}

function splitField(field: HeaderField): {
  readonly head: string;
  readonly body: string;
  readonly end: string;
} {
  const text = asBuffer(field.raw).toString("latin1");
  const colon = text.indexOf(":") + 1;
  const stop = text.length - (/\r?\n$/.exec(text)?.[0].length ?? 0);
  return { head: text.slice(0, colon), body: text.slice(colon, stop), end: text.slice(stop) };
}

function joinField(field: HeaderField, text: string): HeaderField {
  return { ...field, raw: Buffer.from(text, "latin1") };
}
