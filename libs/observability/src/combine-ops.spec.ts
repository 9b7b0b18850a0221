import { describe, expect, it } from '@jest/globals';
import { combineOps, createMetrics, Health } from './index.js';

const app = (
  name: string,
  check: () => void,
): { name: string; ops: { health: Health; metrics: ReturnType<typeof createMetrics> } } => {
  const health = new Health();
  health.add('database', check);
  return { name, ops: { health, metrics: createMetrics(name) } };
};

const away = (): never => {
  throw new Error('connection refused');
};

describe('several apps in one process', () => {
  it('are ready when all of them are, and name the app whose check fails', async () => {
    const combined = combineOps([app('a', () => undefined), app('b', away)]);
    expect(await combined.health.ready()).toEqual({
      ready: false,
      failing: [{ name: 'b: database', reason: 'connection refused' }],
    });
    expect(await combineOps([app('a', () => undefined)]).health.ready()).toEqual({
      ready: true,
      failing: [],
    });
  });

  it('show the same metric side by side, told apart by the service', async () => {
    const [a, b] = [app('a', away), app('b', away)];
    a.ops.metrics.counter('muster_things_total', 'Things').inc(2);
    b.ops.metrics.counter('muster_things_total', 'Things').inc(3);
    const text = await combineOps([a, b]).metrics.text();
    expect(text).toContain('muster_things_total{service="a"} 2');
    expect(text).toContain('muster_things_total{service="b"} 3');
    expect(text.match(/# TYPE muster_things_total/g)).toHaveLength(1);
  });
});
