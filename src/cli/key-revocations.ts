import {
  allowReleases,
  countReleases,
  standingAlarms,
  type ReleaseAlarm,
} from "../keys/releases.ts";
import { text } from "../locales/locales.ts";
import { answer, type Call, type Command, type ExitCode } from "./command.ts";
import { openFor } from "./open.ts";

/** `key revocations`. */
export const keyRevocationsCommand: Command = {
  name: "key revocations",
  operands: [],
  summary: "how many generic revocations were released, and whether an alarm stands (exit code 1)",
  options: {
    "go-on": { help: "somebody has looked: end the alarm and the stop, and count anew from now" },
  },
  run: revocations,
};

async function revocations(call: Call): Promise<ExitCode> {
  await using vault = await openFor(call, !call.has("go-on"));
  if (call.has("go-on")) await allowReleases(vault);
  const { alarmPerHour, alarmPerDay, stopPerDay } = vault.config.revocations;
  const { hour, day } = await countReleases(vault.store, vault.clock.now());
  const alarms = await standingAlarms(vault.store);
  answer(
    call,
    { hour, day, alarms: alarms.map(({ at, ...one }) => ({ ...one, at: at.toISOString() })) },
    [
      text("releases.hour", { count: hour, alarm: alarmPerHour }),
      stopPerDay === 0
        ? text("releases.day", { count: day, alarm: alarmPerDay })
        : text("releases.day.stop", { count: day, alarm: alarmPerDay, stop: stopPerDay }),
      ...(alarms.length === 0 ? [text("releases.no-alarm")] : alarms.map(lineOf)),
      ...(alarms.length === 0 ? [] : [text("releases.what-to-do")]),
    ],
  );
  return alarms.length === 0 ? 0 : 1;
}

function lineOf({ kind, at, within, released, limit }: ReleaseAlarm): string {
  const word = kind === "alarm" ? "ALARM" : "STOPPED";
  return text(`releases.alarm.${within}`, { word, time: at.toISOString(), released, limit });
}
