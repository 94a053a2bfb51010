import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** The answers of a server that have not left yet, for what befalls their connections meanwhile. */
export type UnderWay = {
  readonly begin: (response: ServerResponse) => void;
  /**
   * The answer after which the connection ends, when something unreadable came behind its request: the newest, if one is
   * still being made or ends the connection anyway. Undefined when whatever came before is answered.
   */
  readonly lastOf: (connection: Duplex) => ServerResponse | undefined;
};

export function trackAnswers(): UnderWay {
  const all = new WeakMap<Duplex, Set<ServerResponse>>();
  return {
    begin: (response) => {
      const { socket } = response;
      if (socket === null) return;
      const ofConnection = all.get(socket) ?? new Set();
      all.set(socket, ofConnection.add(response));
      response.once("close", () => ofConnection.delete(response));
    },
    lastOf: (connection) => {
      const answers = [...(all.get(connection) ?? [])];
      const newest = answers.at(-1);
      const isOpen = answers.some(({ writableEnded }) => !writableEnded);
      return isOpen || newest?.shouldKeepAlive === false ? newest : undefined;
    },
  };
}
