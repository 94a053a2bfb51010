import { errorText } from "../base/errors.ts";
import { MINUTE, SECOND } from "../base/time.ts";
import { type DnsServer, query } from "./query.ts";

export type SelfTestOptions = DnsServer & {
  /** A name whose SOA the resolver must prove; the root by default. */
  readonly signedName?: string;
  /** A name whose signatures are wrong on purpose: asking for it must fail. */
  readonly bogusName?: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** Called when it fails, each time, and when it passes again. */
  readonly onResult?: (result: SelfTestResult) => void;
};

export type SelfTestResult =
  | { readonly kind: "passed" }
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** The resolver is there and answered, and so will not get better by itself. */
      readonly isAnswer?: true;
    };

const DEFAULT_INTERVAL_MS = 5 * MINUTE;
/** While it fails nobody can be reached, so a recovery should be seen soon. */
const RETRY_MS = 10 * SECOND;
const DEFAULT_TIMEOUT_MS = 5 * SECOND;

/** Keeps asking whether the resolver validates: at the start, then every five minutes. */
export class SelfTest implements Disposable {
  readonly #options: SelfTestOptions;
  #last: SelfTestResult = { kind: "failed", reason: "not tested yet" };
  #timer: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor(options: SelfTestOptions) {
    this.#options = options;
  }

  /** What the last run came to. */
  get last(): SelfTestResult {
    return this.#last;
  }

  isPassing(): boolean {
    return this.#last.kind === "passed";
  }

  /** Tests now, and plans the next run. Never rejects. */
  async run(): Promise<SelfTestResult> {
    clearTimeout(this.#timer);
    const hadPassed = this.isPassing();
    this.#last = await testResolver(this.#options);
    if (this.isPassing() !== hadPassed || !this.isPassing()) this.#options.onResult?.(this.#last);
    if (!this.#isDisposed) this.#plan();
    return this.#last;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    clearTimeout(this.#timer);
    const intervalMs = this.#options.intervalMs ?? DEFAULT_INTERVAL_MS;
    const delayMs = this.isPassing() ? intervalMs : Math.min(intervalMs, RETRY_MS);
    this.#timer = setTimeout(() => void this.run(), delayMs);
    this.#timer.unref();
  }
}

/** One run: the signed name must be proven, and the bogus one, if there is one, refused. */
export async function testResolver(options: SelfTestOptions): Promise<SelfTestResult> {
  const signal = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  try {
    const signed = await query(options, options.signedName ?? ".", "SOA", signal);
    if (signed.rcode !== "NOERROR" || !signed.isAuthentic) {
      const failed = { kind: "failed", reason: "it does not prove a signed name" } as const;
      return signed.rcode === "NOERROR" ? { ...failed, isAnswer: true } : failed;
    }
    if (options.bogusName === undefined) return { kind: "passed" };
    const bogus = await query(options, options.bogusName, "SOA", signal);
    return bogus.rcode === "SERVFAIL"
      ? { kind: "passed" }
      : { kind: "failed", reason: "it does not refuse a forged name", isAnswer: true };
  } catch (error) {
    return { kind: "failed", reason: errorText(error) };
  }
}
