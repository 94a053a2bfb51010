import type { Engine } from "../store.ts";

/** One step of the schema, as statements for an engine. A landed one is never edited. */
export type Migration = (engine: Engine) => readonly string[];
