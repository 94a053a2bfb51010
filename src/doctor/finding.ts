/** `skip`: not looked at, or not needed; `reason` says why. */
export type Result = "ok" | "warn" | "fail" | "skip";

/** What one check found. */
export type Judgement = {
  readonly result: Result;
  /** What is so, in one sentence. */
  readonly title: string;
  /** What exactly to do: a command, or a line for a zone file; "" when there is nothing. */
  readonly todo: string;
  /** Why it was skipped. */
  readonly reason?: string;
  /** Of a failure: nobody needs to do anything but try again later. */
  readonly isTemporary?: true;
};

/** A judgement with the check that came to it, and why it matters. */
export type Finding = Judgement & { readonly check: string; readonly why: string };

export function ok(title: string): Judgement {
  return { result: "ok", title, todo: "" };
}

export function warn(title: string, todo: string): Judgement {
  return { result: "warn", title, todo };
}

export function fail(title: string, todo: string): Judgement {
  return { result: "fail", title, todo };
}

/** A failure that may pass by itself. */
export function failNow(title: string, todo: string): Judgement {
  return { result: "fail", title, todo, isTemporary: true };
}

export function skip(title: string, reason: string, todo = ""): Judgement {
  return { result: "skip", title, todo, reason };
}
