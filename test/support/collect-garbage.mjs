// Loaded into a process under test: on SIGUSR2 it and its workers collect their garbage, and it says so.
import { BroadcastChannel, isMainThread } from "node:worker_threads";

const channel = new BroadcastChannel("collect-garbage");
channel.unref();

function collect() {
  for (let count = 0; count < 4; count += 1) globalThis.gc();
}

if (isMainThread === true) {
  process.on("SIGUSR2", () => {
    channel.postMessage("now");
    collect();
    setTimeout(() => {
      collect();
      process.stdout.write("collected\n");
    }, 1000);
  });
} else {
  channel.onmessage = collect;
}
