import { describe, expect, it } from '@jest/globals';
import { continueTrace, currentTrace, newTrace, withTrace } from './index.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';

describe('a trace', () => {
  it('goes on with the same id, a span of its own and the same flags', () => {
    const child = continueTrace(`00-${traceId}-b7ad6b7169203331-00`);
    expect(child.traceId).toBe(traceId);
    expect(child.traceparent).toBe(`00-${traceId}-${child.spanId}-00`);
    expect(child.spanId).not.toBe('b7ad6b7169203331');
  });

  it('of a later version of the standard is understood as far as we know it', () => {
    expect(continueTrace(`01-${traceId}-b7ad6b7169203331-01-more`).traceId).toBe(traceId);
  });

  it.each([
    undefined,
    '',
    'nonsense',
    `00-${traceId}-b7ad6b7169203331`,
    `00-${traceId}-b7ad6b7169203331-01-more`,
    `ff-${traceId}-b7ad6b7169203331-01`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-b7ad6b7169203331-01`,
  ])('begins anew after %j', (traceparent) => {
    const trace = continueTrace(traceparent);
    expect(trace.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(trace.traceId).not.toBe(traceId);
  });

  it('never gets the id of another', () => {
    const ids = Array.from({ length: 5_000 }, () => newTrace()).flatMap((one) => [one.traceId, one.spanId]);
    expect(new Set(ids).size).toBe(10_000);
  });

  it('is there for everything that runs inside, and not outside', async () => {
    const trace = newTrace();
    const seen = await withTrace(trace, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return currentTrace();
    });
    expect(seen).toBe(trace);
    expect(currentTrace()).toBeUndefined();
  });
});
