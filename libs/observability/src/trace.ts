import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';

/** Where this work stands in a W3C trace: `traceparent` is what to send on, with `spanId` as the parent of the next hop. */
export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
}

const current = new AsyncLocalStorage<Trace>();

/** Undefined outside of `withTrace`. */
export const currentTrace = (): Trace | undefined => current.getStore();

/** Runs `fn`, and everything it starts, inside `trace`. */
export const withTrace = <T>(trace: Trace, fn: () => T): T => current.run(trace, fn);

export const newTrace = (): Trace => span(hex(16), '01');

/**
 * A child span of the trace that `traceparent` names. Absent or malformed, it is the start of a new trace: the standard
 * forbids to refuse a request for its trace headers.
 */
export const continueTrace = (traceparent?: string): Trace => {
  const parts = traceparent === undefined ? null : TRACEPARENT.exec(traceparent.trim());
  const [, version, traceId, parentId, flags, rest] = parts ?? [];
  if (
    traceId === undefined ||
    flags === undefined ||
    version === 'ff' ||
    /^0+$/.test(traceId) ||
    /^0+$/.test(parentId ?? '0') ||
    // Version 00 is exactly four fields; a later one may append more, which we drop.
    (version === '00' && rest !== undefined)
  ) {
    return newTrace();
  }
  return span(traceId, flags);
};

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

const span = (traceId: string, flags: string): Trace => {
  const spanId = hex(8);
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
};

/** Drawn in bulk: two draws of a few bytes each cost more than the rest of a request's way over the bus. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

const hex = (bytes: number): string => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
};
