/** The thread that holds strangers' connections, so that the honest client's own event loop is not busy with them. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { SECOND } from "../../src/base/time.ts";
import { READER } from "../../test/support/lone-server.ts";
import type { Holding } from "./connections.ts";

/** How soon a stranger who was sent away comes again. */
const AGAIN_MS = 5 * SECOND;
const DRIP_MS = SECOND;
const TELL_MS = 100;

const { place, networks, each, talk } = workerData as Holding;
const sockets = new Set<Socket>();
let tried = 0;

/** Says nothing. */
async function beSilent(socket: Socket): Promise<void> {
  socket.resume();
  return Promise.resolve();
}

/** Begins a message and gives an octet of it a second. */
async function drip(socket: Socket): Promise<void> {
  const lines = ["LHLO drip.test", "MAIL FROM:<drip@drip.test>", `RCPT TO:<${READER}>`, "DATA"];
  for (const line of [...lines, "From: drip@drip.test\r\nSubject: "]) {
    await once(socket, "data");
    socket.write(line.startsWith("From") ? line : `${line}\r\n`);
  }
  const timer = setInterval(() => socket.write("x"), DRIP_MS);
  socket.once("close", () => {
    clearInterval(timer);
  });
}

/** Opened again when it is closed. */
function open(localAddress: string): void {
  const socket = connect({ ...place, localAddress });
  tried += 1;
  sockets.add(socket);
  socket.on("error", () => undefined);
  socket.on("close", () => {
    sockets.delete(socket);
    setTimeout(open, AGAIN_MS, localAddress);
  });
  (talk === "nothing" ? beSilent : drip)(socket).catch(() => socket.destroy());
}

for (const network of networks) {
  for (let at = 0; at < each; at += 1) open(`${network}.${String((at % 250) + 1)}`);
}
setInterval(() => {
  parentPort?.postMessage({ tried, open: sockets.size });
}, TELL_MS);
