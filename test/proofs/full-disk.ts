/** The disk of a SQLite file fills up while mail comes in, and has room again. Mounts a small file system: needs root. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, runOk, sealpostCommand } from "../../lab/run.ts";
import { deliverTo, makeLoneServer, readiness } from "../support/lone-server.ts";

const CAUSE = /there is no room left on the disk that holds the database/;

/** Mail is answered 451 meanwhile; log, command line and `/readyz` name the cause, and no service key is replaced; then mail is accepted again. */
export async function proveFullDisk(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-full-"));
  const disk = join(dir, "disk");
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  await mkdir(disk);
  await runOk("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", disk]);
  ends.defer(async () => {
    await runOk("umount", [disk]);
  });
  const server = await makeLoneServer(dir, { engine: "sqlite", path: join(disk, "sealpost.db") });
  const gateway = ends.use(await server.serve("gateway"));
  const lmtp = gateway.place("lmtp");
  assert.match(await deliverTo(lmtp, "<before@full.test>"), /^250 /);

  const { bavail, bsize } = await statfs(disk);
  await writeFile(join(disk, "fill"), Buffer.alloc(bavail * bsize));
  assert.match(await deliverTo(lmtp, "<meanwhile@full.test>"), /^451 4\.3\.0 /);
  const log = await gateway.log();
  assert.match(log, CAUSE);
  assert.doesNotMatch(log, /no transaction is active/);
  const { status, text } = await readiness(gateway.place("metrics"));
  assert.equal(status, 503);
  assert.match(text, /are left on the disk|no room left on the disk/);
  const add = ["account", "add", "bob@alpha.test", "--password-stdin", "--config", server.config];
  const command = await run(sealpostCommand, add, { input: "the password of bob" });
  assert.equal(command.code, 75);
  assert.match(command.stderr, CAUSE);
  const keyFile = join(dir, "secrets/service.key");
  const before = await readFile(keyFile);
  const rotate = ["service-key", "rotate", "--config", server.config];
  const refused = await run(sealpostCommand, rotate);
  assert.equal(refused.code, 75);
  assert.match(refused.stderr, CAUSE);
  assert.deepEqual(
    await readFile(keyFile),
    before,
    "the key is replaced only after it is written down",
  );

  await rm(join(disk, "fill"));
  assert.match(await deliverTo(lmtp, "<meanwhile@full.test>"), /^250 /);
  await runOk(sealpostCommand, rotate);
  assert.notDeepEqual(await readFile(keyFile), before);
  await runOk(sealpostCommand, ["audit", "verify", "--config", server.config]);
}
