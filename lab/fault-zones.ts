/** Domains whose DNS is signed and proven, and still must not lead to a connection, or not to the obvious one. */
import type { LabZone } from "./zone.ts";

export type FaultTargets = {
  /** Where a keyserver for `keys.faults.test` runs. */
  readonly address: string;
  readonly port: number;
  /** A port on the same address where nothing listens. */
  readonly closedPort: number;
};

/**
 * `<name>.faults.test` for each fault, to be given to `buildZones` as `extra`. Each names what its SRV record says:
 * `two` lists a dead host first; `many` has twenty hosts and only comes whole over TCP.
 */
export function faultZones(at: FaultTargets): readonly LabZone[] {
  const srv = (domain: string, value: string) => `_hkp._tcp.${domain} IN SRV ${value}`;
  const many = Array.from({ length: 20 }, (_, index) =>
    srv("many", `${index} 0 ${at.port} a-rather-long-name-of-a-host-number-${index}.many`),
  );
  return [
    {
      name: "faults.test",
      signing: "signed",
      records: [
        `keys IN A ${at.address}`,
        "private IN A 10.0.0.1",
        "loopback6 IN AAAA ::1",
        "mapped IN AAAA ::ffff:127.0.0.1",
        srv("good", `0 0 ${at.port} keys`),
        srv("literal", `0 0 ${at.port} 127.0.0.1.`),
        srv("single", `0 0 ${at.port} localhost.`),
        srv("private", `0 0 ${at.port} private`),
        srv("loopback6", `0 0 ${at.port} loopback6`),
        srv("mapped", `0 0 ${at.port} mapped`),
        srv("port25", "0 0 25 keys"),
        srv("port0", "0 0 0 keys"),
        srv("closed", `0 0 ${at.closedPort} keys`),
        srv("nowhere", `0 0 ${at.port} nosuch`),
        srv("bogus", `0 0 ${at.port} keys.bogus.test.`),
        srv("two", `1 0 ${at.closedPort} keys`),
        srv("two", `2 0 ${at.port} keys`),
        srv("dotted", "0 0 0 ."),
        srv("dotted", `1 0 ${at.port} keys`),
        ...many,
        // Aliases: into a proven zone, into an unsigned one, into a forged one, in a circle.
        "_hkp._tcp.alias IN CNAME _hkp._tcp.good",
        "_hkp._tcp.crossinsec IN CNAME _hkp._tcp.legacy.test.",
        "_hkp._tcp.crossbogus IN CNAME _hkp._tcp.bogus.test.",
        "_hkp._tcp.circle IN CNAME _hkp._tcp.circle",
      ],
    },
    { name: "optout.test", signing: "nsec3-opt-out", records: [] },
    { name: "child.optout.test", parent: "optout.test", signing: "unsigned", records: [] },
  ];
}
