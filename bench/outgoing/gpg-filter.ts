/**
 * What providers use who have no Sealpost: a Postfix that gives each message to a script (FILTER_README, "simple content
 * filter"), which signs and encrypts it by GnuPG and hands it on. The script is as cheap as such a script can be: a shell that
 * speaks SMTP itself. GnuPG's agent is a daemon of its own, and its time is not counted.
 */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Postfix, startPostfix } from "../../lab/postfix.ts";
import { runOk } from "../../lab/run.ts";
import type { Place } from "../../lab/world.ts";

/** Who runs the script: Postfix lets neither root nor itself do it. */
const FILTER_USER = "nobody";
const AT_A_TIME = 2;

export async function startGpgFilter(relayTo: Place, user: string): Promise<Postfix> {
  await using ends = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-gpg-filter-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o755);
  const home = join(dir, "gnupg");
  await runOk("install", ["-d", "-m", "700", "-o", FILTER_USER, home]);
  const asUser = ["--reuid", FILTER_USER, "--clear-groups", "gpg", "--homedir", home, "--batch"];
  const gpg = async (...args: readonly string[]) => runOk("setpriv", [...asUser, ...args]);
  ends.defer(async () => void (await runOk("gpgconf", ["--homedir", home, "--kill", "all"])));
  await gpg("--passphrase", "", "--quick-generate-key", user, "future-default", "default", "1y");
  const script = join(dir, "filter");
  await writeFile(script, scriptFor(home, relayTo), { mode: 0o755 });
  const postfix = ends.use(
    await startPostfix({
      hostname: "filter.test",
      relayTo,
      settings: { content_filter: "gpg:", smtpd_client_connection_count_limit: "0" },
      services: [
        `gpg unix - n n - ${String(AT_A_TIME)} pipe flags=Rq user=${FILTER_USER} argv=${script} \${sender} \${recipient}`,
      ],
    }),
  );
  const started = ends.move();
  return { ...postfix, [Symbol.asyncDispose]: async () => started.disposeAsync() };
}

/** PGP/MIME (RFC 3156), the header as it came. Exit code 75 (EX_TEMPFAIL) has Postfix try again. */
function scriptFor(home: string, { host, port }: Place): string {
  return `#!/bin/bash
set -eu -o pipefail
trap 'exit 75' ERR
sender=$1 recipient=$2
header= kept= isOfBody=
while IFS= read -r line; do
  line=\${line%$'\\r'}
  [ -n "$line" ] || break
  case $line in
    [Cc]ontent-*) isOfBody=yes; kept+="$line"$'\\n' ;;
    [[:blank:]]*) if [ -n "$isOfBody" ]; then kept+="$line"$'\\n'; else header+="$line"$'\\r\\n'; fi ;;
    *) isOfBody=; header+="$line"$'\\r\\n' ;;
  esac
done
sealed=$({ printf '%s\\n' "$kept"; cat; } | gpg --homedir ${home} --batch --quiet --trust-model always --armor \\
  --local-user "$sender" --recipient "$recipient" --sign --encrypt | sed 's/$/\\r/')
exec 3<>/dev/tcp/${host}/${String(port)}
said() { while IFS= read -r reply <&3; do case $reply in [23]??' '*) return ;; [45]*) exit 75 ;; esac; done; exit 75; }
said
for command in "EHLO filter.test" "MAIL FROM:<$sender>" "RCPT TO:<$recipient>" DATA; do printf '%s\\r\\n' "$command" >&3; said; done
printf '%sContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\\r\\n\\r\\n--b\\r\\nContent-Type: application/pgp-encrypted\\r\\n\\r\\nVersion: 1\\r\\n\\r\\n--b\\r\\nContent-Type: application/octet-stream\\r\\n\\r\\n%s\\r\\n\\r\\n--b--\\r\\n.\\r\\n' "$header" "$sealed" >&3
said
printf 'QUIT\\r\\n' >&3
`;
}
