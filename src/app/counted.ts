/** What flows do, with each of it told to the meter. */
import type { Discover } from "../discovery/outcome.ts";
import type { TraceIncoming } from "../incoming/tracing.ts";
import type { TraceOutgoing } from "../outgoing/tracing.ts";
import type { Meter } from "./meter.ts";

/** Look-ups, each counted by its code. */
export function countedDiscover(discover: Discover, meter: Pick<Meter, "lookedUp">): Discover {
  return async (address, ...rest) => {
    const discovery = await discover(address, ...rest);
    meter.lookedUp(discovery.code);
    return discovery;
  };
}

/** The trace of mail that comes in, with each verdict counted. */
export function countedIncoming(
  trace: TraceIncoming,
  meter: Pick<Meter, "judged" | "opened">,
): TraceIncoming {
  return {
    delivered: async (o) => {
      await trace.delivered(o);
      const { state, signature } = o.message.verdict;
      if (o.message.form === "wrapped") meter.judged(state, signature);
    },
    opened: async (o) => {
      await trace.opened(o);
      meter.judged(o.verdict.state, o.verdict.signature);
      if (o.message.form !== "wrapped") meter.opened(o.verdict.state);
    },
  };
}

/** The trace of mail that goes out, with each plan, and each recipient that is handed on, counted. */
export function countedOutgoing(
  trace: TraceOutgoing,
  meter: Pick<Meter, "planned" | "handedOn">,
): TraceOutgoing {
  return {
    planned: (o) => {
      trace.planned(o);
      meter.planned(o.plan.kind, o.part);
    },
    passedThrough: (o) => {
      trace.passedThrough(o);
      meter.planned("pass", o.part);
    },
    noSentCopy: trace.noSentCopy,
    deferred: trace.deferred,
    retried: trace.retried,
    relayed: (o) => {
      trace.relayed(o);
      for (const { outcome } of o.result.recipients) {
        if (outcome.kind === "accepted") meter.handedOn("accepted");
        else meter.handedOn(outcome.temporary ? "deferred" : "refused");
      }
    },
  };
}
