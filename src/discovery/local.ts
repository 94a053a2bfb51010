import type { EmailAddress } from "../mail/address.ts";
import type { Discovery, DiscoveryDeps } from "./outcome.ts";

/** An address of ours is answered from our own key store, without the network. */
export async function byLocal(
  deps: Pick<DiscoveryDeps, "local" | "clock">,
  address: EmailAddress,
): Promise<Discovery> {
  const certificate = await deps.local(address);
  const checkedAt = deps.clock.now();
  const evidence = { detail: "our own domain", checkedAt };
  return certificate === undefined
    ? { kind: "absent", code: "NOKEY", evidence }
    : {
        kind: "found",
        certificate,
        source: "local",
        code: "LOCAL",
        fetchedAt: checkedAt,
        evidence,
      };
}
