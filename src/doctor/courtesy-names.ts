import { type ZoneLine, courtesyLines, recordText } from "../dns/zone-lines.ts";
import { type Judgement, ok, skip } from "./finding.ts";
import type { Check, Visit } from "./visit.ts";

/** Whether the names are there that other programs ask. */
export const courtesyNames: Check<Visit> = {
  name: "courtesy",
  why: "Senders with Sealpost do not ask these names; GnuPG and some other programs do.",
  run: async ({ deps, domain }) =>
    await Promise.all(
      courtesyLines(domain, deps.keyserver).map(async (line): Promise<Judgement> => {
        const { answer } = await deps.inspector.srv(line.name.slice(0, -1));
        return judge(line, answer.kind === "answer");
      }),
    ),
};

function judge(line: ZoneLine, isThere: boolean): Judgement {
  const name = line.name.slice(0, -1);
  return isThere
    ? ok(`${name} is there`)
    : skip(name, "optional: not in the DNS", `To have it, add: ${recordText(line)}`);
}
