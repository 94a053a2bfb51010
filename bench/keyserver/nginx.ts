import { mkdirSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { once } from "node:events";
import { join } from "node:path";

import type { IssuedCertificate } from "../../lab/pki.ts";
import { reservePorts } from "../../lab/ports.ts";
import { startProcess } from "../../lab/process.ts";

const HOST = "127.0.0.1";

export type Nginx = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** That of the worker, which does all the work. */
  readonly pid: number;
};

/** nginx as it comes, with one worker, which serves `/keys/NUMBER.asc` from a file each. */
export async function startNginx(options: {
  readonly dir: string;
  readonly tls: IssuedCertificate;
  readonly body: string;
  readonly count: number;
}): Promise<Nginx> {
  const { dir, tls, body, count } = options;
  const keys = join(dir, "keys");
  mkdirSync(keys, { recursive: true });
  for (let number = 0; number < count; number += 1) {
    writeFileSync(join(keys, `${String(number)}.asc`), body);
  }
  await using reserved = await reservePorts([HOST]);
  const [port = 0] = reserved.ports;
  const config = join(dir, "nginx.conf");
  await writeFile(config, configuration(dir, port, tls));
  const running = await startProcess({
    name: "nginx",
    command: "nginx",
    args: ["-e", join(dir, "error.log"), "-c", config],
    logFile: join(dir, "nginx.log"),
    isReady: async () => isListening(port),
  });
  const children = `/proc/${String(running.pid)}/task/${String(running.pid)}/children`;
  const pid = Number((await readFile(children, "utf8")).trim().split(" ")[0]);
  return { host: HOST, port, pid, [Symbol.asyncDispose]: async () => running.stop() };
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, HOST);
  await once(socket, "connect");
  socket.destroy();
  return true;
}

function configuration(dir: string, port: number, tls: IssuedCertificate): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(dir, name)};`)
    .join(" ");
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${join(dir, "nginx.pid")};
error_log ${join(dir, "error.log")};
events { worker_connections 512; }
http {
  ${temporary}
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  types { application/pgp-keys asc; }
  server {
    listen ${HOST}:${String(port)} ssl;
    ssl_certificate ${tls.certFile};
    ssl_certificate_key ${tls.keyFile};
    ssl_protocols TLSv1.3;
    location /keys/ {
      root ${dir};
      add_header Cache-Control "public, max-age=300";
      add_header Access-Control-Allow-Origin *;
    }
  }
}
`;
}
