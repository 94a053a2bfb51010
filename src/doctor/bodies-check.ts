import { errorText } from "../base/errors.ts";
import { fail, ok, skip, type Judgement } from "./finding.ts";
import { judgeRoomOf } from "./room.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** How many bodies are looked at, others at each run. */
const SAMPLE = 200;

/** Whether the bodies of messages are where the database says, and whether new ones can be kept. */
export const bodiesCheck: Check<Pick<DoctorDeps, "database" | "blobs">> = {
  name: "bodies",
  why: "Without its body a message cannot be read; where none can be written no mail is accepted.",
  run: async ({ database, blobs }) => {
    if (blobs === undefined || database.kind === "closed" || !database.isMigrated) {
      return [skip("the bodies of messages", "the database cannot be read (see database)")];
    }
    const { seen, faulty } = await blobs.lookAtSome(SAMPLE);
    const places = await judgePlace(blobs);
    if (seen === 0 && places.length === 0) return [ok("no body is outside of the database")];
    const [first] = faulty;
    return [
      ...places,
      first === undefined
        ? ok(`of the bodies in the folder ${String(seen)} were looked for, and are there`)
        : fail(
            `of ${String(seen)} bodies ${String(faulty.length)} are missing or have another length, such as ${first}`,
            "Mount the disk of [storage] bodies_folder, or put the files back from the folder beside a backup (docs/operate/backup.md).",
          ),
    ];
  },
};

async function judgePlace(blobs: NonNullable<DoctorDeps["blobs"]>): Promise<readonly Judgement[]> {
  try {
    const room = await blobs.roomBytes();
    return room === undefined ? [] : [judgeRoomOf(room, "the bodies")];
  } catch (error) {
    return [fail(errorText(error), "See [storage] bodies_folder: sealpost config check.")];
  }
}
