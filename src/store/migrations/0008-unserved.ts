import { parseCertificates } from "../../openpgp/certificate.ts";
import { revocationOf } from "../../openpgp/acceptance.ts";
import { holdAuditEnd } from "../audit.ts";
import type { Migration } from "../migrate.ts";
import type { Store } from "../store.ts";

/** No new tables: what was published before keys that end without a revocation stopped being served. */
export const unserved: Migration = () => [];

/**
 * Takes out of service what ended without a revocation of the whole key. Not what its owner ended by revoking a part of it,
 * and not what cannot be read.
 */
export async function stopServingUnrevoked(store: Store): Promise<void> {
  const { db } = store;
  const ended = await db
    .selectFrom("published_certificates as published")
    .innerJoin("generic_revocations as kept", "kept.fingerprint", "published.fingerprint")
    .innerJoin("certificate_ids as ids", "ids.id", "published.fingerprint")
    .select(["published.fingerprint", "published.bytes"])
    .where("published.state", "<>", "active")
    .where("kept.wrapped", "=", new Uint8Array())
    .execute();
  if (ended.length === 0) return;
  await holdAuditEnd(store);
  const uploads = await db
    .selectFrom("audit")
    .select("detail")
    .where("action", "=", "revocation.uploaded")
    .execute();
  const byOwner = new Set(
    uploads
      .map(({ detail }) => JSON.parse(detail) as { fingerprint: string; state: string })
      .filter(({ state }) => state !== "active")
      .map(({ fingerprint }) => fingerprint),
  );
  let isChanged = false;
  for (const { fingerprint, bytes } of ended) {
    if (byOwner.has(fingerprint) || !(await isUnrevoked(bytes))) continue;
    await db.deleteFrom("certificate_ids").where("fingerprint", "=", fingerprint).execute();
    isChanged = true;
  }
  if (!isChanged) return;
  await db
    .updateTable("published_version")
    .set((expression) => ({ version: expression("version", "+", 1) }))
    .execute();
}

async function isUnrevoked(bytes: Uint8Array): Promise<boolean> {
  const parsed = await parseCertificates(bytes);
  const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
  return certificate !== undefined && (await revocationOf(certificate)).kind === "none";
}
