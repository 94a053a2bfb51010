import { failNow, type Judgement, ok, skip } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Whether somebody answers at each place where the configuration says that Sealpost listens. */
export const listeningCheck: Check<Pick<DoctorDeps, "listeners" | "connects">> = {
  name: "listeners",
  why: "Where nobody answers, mail, look-ups or monitoring come to nothing.",
  run: async ({ listeners, connects }) =>
    Promise.all(
      listeners.map(async (place): Promise<Judgement> => {
        const { name, host, port, isSmtp } = place;
        const where = `${host}:${String(port)} ([listen.${name}])`;
        if (port === 0)
          return skip(where, "the system chooses the port, and the gateway prints it");
        const why = await connects({ host: reachableAt(host), port }, isSmtp);
        return why === undefined
          ? ok(`somebody answers at ${where}`)
          : failNow(
              `nobody answers at ${where}: ${why}`,
              "Start Sealpost (sealpost serve), see its log, and that no firewall of this host is in the way.",
            );
      }),
    ),
};

/** A server that listens at all addresses answers at the loopback address. */
function reachableAt(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
