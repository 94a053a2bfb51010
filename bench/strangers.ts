/**
 * `npm run bench -- strangers`: how long honest clients wait while strangers attack. Strangers hold connections, guess
 * passwords, send junk in the name of a provider, mail whose author's keyserver is a tarpit, or large mail. Every attack
 * is compared with the quiet moment before it, on the same processes. With `SCENES=login`, only scenes whose line begins
 * so are played.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labScenes } from "./strangers/lab.ts";
import { loneScenes } from "./strangers/lone.ts";
import { BAR, playScene, printHead, type Scene } from "./strangers/scene.ts";

type World = AsyncDisposable & { readonly scenes: readonly Scene[] };
type Kinds = { readonly kinds: readonly string[]; readonly start: (dir: string) => Promise<World> };

/** What the scenes of each world begin with. */
const WORLDS: readonly Kinds[] = [
  { kinds: ["mail in", "keyserver", "login"], start: loneScenes },
  { kinds: ["opening", "sending"], start: labScenes },
];

/** How many scenes were played: a bar that nothing was compared with is not held. */
let played = 0;

/** Prints a row for each attack; false when the bar is missed. */
export async function run(): Promise<boolean> {
  printHead();
  let isHeld = true;
  for (const world of WORLDS) isHeld = (await playAll(world)) && isHeld;
  if (played === 0) throw new Error("SCENES names no scene: give the beginning of a scene's line");
  console.log(
    `bar: at most ${BAR} times the quiet median, nothing refused: ${isHeld ? "held" : "MISSED"}`,
  );
  return isHeld;
}

/** Plays the wanted scenes of a world; false when one misses the bar. */
async function playAll({ kinds, start }: Kinds): Promise<boolean> {
  const wanted = process.env["SCENES"] ?? "";
  if (!kinds.some((kind) => kind.startsWith(wanted) || wanted.startsWith(kind))) return true;
  await using ends = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-strangers-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const { scenes } = ends.use(await start(dir));
  let isHeld = true;
  for (const scene of scenes.filter(({ what }) => what.startsWith(wanted))) {
    played += 1;
    isHeld = (await playScene(scene)) && isHeld;
  }
  return isHeld;
}
