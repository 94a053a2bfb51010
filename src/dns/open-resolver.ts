import type { Clock } from "../base/time.ts";
import { cachingResolver } from "./answer-cache.ts";
import type { Resolver } from "./dns.ts";
import { SelfTest, type SelfTestOptions, type SelfTestResult } from "./self-test.ts";
import { stubResolver, untrusted } from "./stub.ts";

export type OpenResolverOptions = SelfTestOptions & {
  readonly clock: Clock;
  /** The resolver may be elsewhere than on this host, because the operator vouches for the path to it. */
  readonly isPathTrusted?: boolean;
};

/** A resolver for a process: it remembers answers, and says nothing at all while its self-test fails. */
export type OpenResolver = Resolver &
  Disposable & {
    /** What the last self-test came to, for the health page and `doctor`. */
    readonly selfTest: () => SelfTestResult;
  };

/**
 * Tests the resolver and starts to use it. A failed test does not reject: everything is indeterminate until it passes.
 * @throws AppError when the resolver is not on this host and nobody vouches for the path.
 */
export async function openResolver(options: OpenResolverOptions): Promise<OpenResolver> {
  const selfTest = new SelfTest(options);
  const stub = stubResolver({ ...options, isTrusted: () => selfTest.isPassing() });
  const caching = cachingResolver(stub, options.clock);
  await selfTest.run();
  return {
    // Remembered answers are withheld too: nobody knows since when the resolver does not validate.
    srv: async (name, signal) =>
      selfTest.isPassing() ? await caching.srv(name, signal) : untrusted(),
    addresses: caching.addresses,
    selfTest: () => selfTest.last,
    [Symbol.dispose]: () => {
      selfTest[Symbol.dispose]();
    },
  };
}
