/** DNS servers that say what a test wants. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** A DNS server over UDP that sends what `replies` makes of each query; its TCP port takes connections and is silent. */
export async function udpServer(replies: (message: Buffer) => readonly Buffer[]) {
  const tcp = createServer((connection) => connection.resume());
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const address = tcp.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => {
    for (const each of replies(message)) socket.send(each, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(port, "127.0.0.1", resolve));
  return {
    at: { host: "127.0.0.1", port },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await new Promise((resolve) => tcp.close(resolve));
    },
  };
}
