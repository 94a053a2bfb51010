import type { Store } from "../store/store.ts";
import type { TlsNews } from "./tls-files.ts";

/** What the roles of one process share; a role that is alone in its process has its own. */
export type OfProcess = {
  /** Open already, by whoever started the roles. */
  readonly store?: Store | undefined;
  readonly tlsNews?: TlsNews;
};
