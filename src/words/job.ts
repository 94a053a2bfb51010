/**
 * What a job is about: a copy that waits for the next hop, a message whose recipients are to be looked up again, one that is
 * to be opened, or a task that comes round.
 */
export type JobKind = "outbox" | "deferred" | "opening" | "task";

/** `subject`: the ID of the copy or of the message, or the name of the task. */
export type JobName = { readonly kind: JobKind; readonly subject: string };
