/** Keys that GnuPG makes for a test, in homes of their own. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";

export type MadeKey = {
  readonly gnupg: Gnupg;
  readonly fingerprint: string;
  readonly certificate: Uint8Array;
  readonly secretKey: Uint8Array;
};

export type KeyWishes = {
  /** Of its encryption subkey; "none" for a key that signs alone. */
  readonly encryption?: string;
  readonly algorithm?: string;
  /** Octets. */
  readonly passphrase?: Uint8Array;
  readonly expires?: string;
  /** Options of gpg in front of the command. */
  readonly options?: readonly string[];
};

/** Makes keys until it is disposed. */
export class GnupgMaker implements AsyncDisposable {
  readonly #opened = new AsyncDisposableStack();

  async make(userId: string, wishes: KeyWishes = {}): Promise<MadeKey> {
    const { algorithm = "ed25519", encryption = "cv25519", expires = "0", options = [] } = wishes;
    const folder = await mkdtemp(join(tmpdir(), "sp-gpg-"));
    this.#opened.defer(async () => rm(folder, { recursive: true, force: true }));
    const gnupg = this.#opened.use(await openGnupg({ home: join(folder, "h") }));
    // Fast enough for a test; by default it takes what 100 ms allow.
    await writeFile(join(gnupg.home, "gpg-agent.conf"), "s2k-count 1048576\n");
    const secret = join(folder, "passphrase");
    await writeFile(secret, wishes.passphrase ?? "");
    const ask = async (...args: readonly string[]): Promise<Buffer> => {
      const result = await gnupg.gpg([...options, "--passphrase-file", secret, ...args]);
      assert.equal(result.code, 0, result.stderr);
      return result.stdout;
    };
    await ask("--quick-gen-key", userId, algorithm, "sign", expires);
    const listed = (await ask("--with-colons", "--list-keys")).toString();
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? "";
    if (encryption !== "none") {
      await ask("--quick-add-key", fingerprint, encryption, "encr", expires);
    }
    const certificate = await ask("--export", fingerprint);
    const secretKey = await ask("--export-secret-keys", fingerprint);
    return { gnupg, fingerprint, certificate, secretKey };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}
