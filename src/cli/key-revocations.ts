import {
  allowReleases,
  countReleases,
  standingAlarms,
  type ReleaseAlarm,
} from "../keys/releases.ts";
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
  const stop = stopPerDay === 0 ? "never a stop" : `stop at ${stopPerDay}`;
  answer(
    call,
    { hour, day, alarms: alarms.map(({ at, ...one }) => ({ ...one, at: at.toISOString() })) },
    [
      `released within an hour: ${hour} (alarm beyond ${alarmPerHour})`,
      `released within a day:   ${day} (alarm beyond ${alarmPerDay}, ${stop})`,
      ...(alarms.length === 0 ? ["no alarm stands"] : alarms.map(lineOf)),
      ...(alarms.length === 0 ? [] : ["what to do: sealpost doctor, under revocations"]),
    ],
  );
  return alarms.length === 0 ? 0 : 1;
}

function lineOf({ kind, at, within, released, limit }: ReleaseAlarm): string {
  const word = kind === "alarm" ? "ALARM" : "STOPPED";
  return `${word} since ${at.toISOString()}: ${released} within a${within === "hour" ? "n hour" : " day"}, the number set is ${limit}`;
}
