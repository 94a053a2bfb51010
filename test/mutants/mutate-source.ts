/** Small faults, put into a source file one at a time: what a tired programmer might have written. */
import { stripTypeScriptTypes } from "node:module";
import { parse } from "acorn";

/** Text to stand in place of a range of the source. */
export type Mutant = {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** What it was and what it is now, for the list of survivors. */
  readonly what: string;
};

type Node = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
};

const OPPOSITES: ReadonlyMap<string, readonly string[]> = new Map([
  ["===", ["!=="]],
  ["!==", ["==="]],
  ["<", ["<=", ">="]],
  ["<=", ["<", ">"]],
  [">", [">=", "<="]],
  [">=", [">", "<"]],
  ["&&", ["||"]],
  ["||", ["&&"]],
  ["+", ["-"]],
  ["-", ["+"]],
  ["*", ["/"]],
  ["&", ["|"]],
]);
const NEGATED: ReadonlyMap<string, string> = new Map([
  ["some", "every"],
  ["every", "some"],
]);

/**
 * Every comparison, boolean, condition, early return, number and word of a TypeScript file, changed. Types do not count:
 * they are blanked out first, which leaves all else where it was.
 */
export function mutantsOf(source: string): readonly Mutant[] {
  const script = stripTypeScriptTypes(source, { mode: "strip" });
  const tree = parse(script, { ecmaVersion: "latest", sourceType: "module" });
  const mutants: Mutant[] = [];
  visit(tree as unknown as Node, (node, parent) => {
    for (const { start, end, text } of changesOf(node, parent, script)) {
      const was = source.slice(start, end);
      const line = source.slice(0, start).split("\n").length;
      mutants.push({ start, end, text, line, what: `${oneLine(was)} -> ${oneLine(text)}` });
    }
  });
  return mutants;
}

function visit(
  node: Node,
  see: (node: Node, parent: Node | undefined) => void,
  parent?: Node,
): void {
  see(node, parent);
  for (const member of Object.values(node)) {
    for (const child of Array.isArray(member) ? (member as unknown[]) : [member]) {
      if (isNode(child)) visit(child, see, node);
    }
  }
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === "object" && value !== null && typeof Reflect.get(value, "type") === "string"
  );
}

type Change = Pick<Mutant, "start" | "end" | "text">;

function changesOf(node: Node, parent: Node | undefined, script: string): readonly Change[] {
  const whole = (text: string): Change => ({ start: node.start, end: node.end, text });
  const source = script.slice(node.start, node.end);
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression":
      return operatorChanges(node, script);
    case "IfStatement":
      return conditionChanges(node["test"], script);
    case "ConditionalExpression":
      return conditionChanges(node["test"], script);
    case "UnaryExpression":
      return node["operator"] === "!" ? [whole(source.slice(1))] : [];
    case "Literal":
      return literalChanges(node, parent).map(whole);
    case "MemberExpression": {
      const property = node["property"];
      if (!isNode(property) || property.type !== "Identifier") return [];
      const text = NEGATED.get(String(property["name"]));
      return text === undefined ? [] : [{ start: property.start, end: property.end, text }];
    }
    default:
      return [];
  }
}

function operatorChanges(node: Node, script: string): readonly Change[] {
  const { left, right } = node;
  if (!isNode(left) || !isNode(right)) return [];
  const operator = String(node["operator"]);
  const start = script.indexOf(operator, left.end);
  if (start === -1 || start >= right.start) return [];
  return (OPPOSITES.get(operator) ?? []).map((text) => ({
    start,
    end: start + operator.length,
    text,
  }));
}

function conditionChanges(test: unknown, script: string): readonly Change[] {
  if (!isNode(test)) return [];
  const { start, end } = test;
  // A comparison that is turned round already says what always true or false would say.
  const isSimple = test.type === "BinaryExpression" && !script.slice(start, end).includes("(");
  return isSimple
    ? [{ start, end, text: "false" }]
    : ["true", "false"].map((text) => ({ start, end, text }));
}

/** Texts for people, reasons in details, names of modules and keys of objects are no decisions. */
function literalChanges({ value }: Node, parent: Node | undefined): readonly string[] {
  if (typeof value === "boolean") return [String(!value)];
  if (typeof value === "number") return [String(value + 1)];
  if (typeof value !== "string" || parent === undefined) return [];
  const isNamed = /Declaration$|^Property$|^TemplateLiteral$/.test(parent.type);
  const { callee } = parent;
  const isForFunction = isNode(callee) && callee.type === "Identifier";
  return !isNamed && !isForFunction && /^[-\w/.:]{1,40}$/.test(value) ? ['"mutated"'] : [];
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 80);
}
