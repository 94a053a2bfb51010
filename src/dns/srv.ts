import { isIP } from "node:net";

import type { SrvRecord } from "./dns.ts";

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const MAX_NAME_CHARACTERS = 253;

/**
 * The records that name a host that can be asked. Dropped are `.` beside others, port 0, address literals, single labels
 * and names that are no host names.
 */
export function usableTargets(records: readonly SrvRecord[]): readonly SrvRecord[] {
  return records.filter((record) => record.port !== 0 && isHostName(record.target));
}

/**
 * The order in which the hosts of an SRV answer are tried (RFC 2782, "Usage rules"): by ascending priority, and within one
 * priority drawn by weight. `random` gives a uniform number in [0, 1).
 */
export function orderTargets(
  records: readonly SrvRecord[],
  random: () => number,
): readonly SrvRecord[] {
  const priorities = [...new Set(records.map((record) => record.priority))].toSorted(
    (a, b) => a - b,
  );
  return priorities.flatMap((priority) =>
    drawAll(
      records.filter((record) => record.priority === priority),
      random,
    ),
  );
}

function drawAll(records: readonly SrvRecord[], random: () => number): readonly SrvRecord[] {
  // Records of weight 0 go first, so that they are drawn by a 0 and so hardly ever before the others.
  const left = records.toSorted((a, b) => Number(a.weight !== 0) - Number(b.weight !== 0));
  const drawn: SrvRecord[] = [];
  while (left.length > 0) {
    const sum = left.reduce((total, record) => total + record.weight, 0);
    const next = left.splice(firstReaching(left, sum, random), 1);
    drawn.push(...next);
  }
  return drawn;
}

/** The index of the first record whose running sum of weights reaches a draw from 0 to `sum`, both included. */
function firstReaching(records: readonly SrvRecord[], sum: number, random: () => number): number {
  // The rule alone would always take the first of several records without weight.
  if (sum === 0) return Math.floor(random() * records.length);
  const draw = Math.floor(random() * (sum + 1));
  let running = 0;
  return records.findIndex((record) => (running += record.weight) >= draw);
}

function isHostName(name: string): boolean {
  const labels = name.split(".");
  return (
    name.length <= MAX_NAME_CHARACTERS &&
    labels.length > 1 &&
    isIP(name) === 0 &&
    labels.every((label) => LABEL.test(label)) &&
    // A number at the top is an address in disguise (RFC 3696 §2).
    !/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")
  );
}
