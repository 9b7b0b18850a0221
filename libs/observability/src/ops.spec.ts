import { describe, expect, it } from '@jest/globals';
import {
  createLogger,
  createMetrics,
  Health,
  NestLogger,
  newTrace,
  startOpsServer,
  withTrace,
} from './index.js';

const page = async (port: number, path: string): Promise<{ status: number; body: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.text() };
};

describe('the operations pages', () => {
  it('tell live from ready, name what is not, and show the metrics', async () => {
    const health = new Health();
    const metrics = createMetrics('shop');
    let away = false;
    health.add('database', () => {
      if (away) throw new Error('connection refused');
    });
    metrics.counter('muster_sold_total', 'Things sold', ['kind']).inc({ kind: 'a' }, 3);
    const server = await startOpsServer({ port: 0, health, metrics });
    try {
      expect(await page(server.port, '/health/ready')).toEqual({
        status: 200,
        body: '{"ready":true,"failing":[]}',
      });
      away = true;
      expect(await page(server.port, '/health/ready?verbose')).toEqual({
        status: 503,
        body: '{"ready":false,"failing":[{"name":"database","reason":"connection refused"}]}',
      });
      expect((await page(server.port, '/health/live')).status).toBe(200);
      expect((await page(server.port, '/metrics')).body).toContain(
        'muster_sold_total{kind="a",service="shop"} 3',
      );
      expect((await page(server.port, '/elsewhere')).status).toBe(404);
    } finally {
      await server.close();
    }
  });
});

describe('metrics', () => {
  it('of one name are one metric, of one kind', () => {
    const metrics = createMetrics('shop');
    expect(metrics.counter('muster_a_total', 'A')).toBe(metrics.counter('muster_a_total', 'A'));
    expect(() => metrics.gauge('muster_a_total', 'A')).toThrow(/another kind/);
  });
});

describe('a log line', () => {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  const logger = createLogger({ service: 'shop', level: 'debug', destination });

  it('carries the service and the trace, and no secret', () => {
    const trace = newTrace();
    withTrace(trace, () => logger.info({ token: 'hunter2', device: { password: 'hunter2' } }, 'sold'));
    expect(lines.at(-1)).toMatchObject({
      level: 'info',
      service: 'shop',
      msg: 'sold',
      traceId: trace.traceId,
    });
    expect(JSON.stringify(lines.at(-1))).not.toContain('hunter2');
  });

  it('of Nest keeps its context and its error', () => {
    const nest = new NestLogger(logger);
    nest.log('mapped', 'Router');
    expect(lines.at(-1)).toMatchObject({ level: 'debug', context: 'Router', msg: 'mapped' });
    nest.error('failed', 'the stack', 'Injector');
    expect(lines.at(-1)).toMatchObject({
      level: 'error',
      context: 'Injector',
      stack: 'the stack',
      msg: 'failed',
    });
  });
});
