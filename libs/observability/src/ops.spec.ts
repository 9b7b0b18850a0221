import { describe, expect, it } from '@jest/globals';
import {
  combineOps,
  createLogger,
  createMetrics,
  Health,
  NestLogger,
  newTrace,
  openOperations,
  remoteOps,
  startOpsServer,
  withTrace,
} from './index.js';

/** Free at this moment; this library stands below the one that has a better way. */
const freePort = async (): Promise<number> => {
  const server = await startOpsServer({ port: 0, health: new Health(), metrics: createMetrics('none') });
  await server.close();
  return server.port;
};

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
      for (const [method, status] of [
        ['POST', 405],
        ['OPTIONS', 204],
      ] as const) {
        const response = await fetch(`http://127.0.0.1:${server.port}/metrics`, { method });
        expect([response.status, response.headers.get('allow')]).toEqual([status, 'GET, HEAD, OPTIONS']);
      }
    } finally {
      await server.close();
    }
  });
});

describe('an app that starts', () => {
  it('is live and not ready until it has started, and names what it waits for', async () => {
    const port = await freePort();
    const operations = await openOperations({ name: 'shop', opsPort: port, opsHost: '127.0.0.1' });
    try {
      expect((await page(port, '/health/live')).status).toBe(200);
      expect(await page(port, '/health/ready')).toMatchObject({
        status: 503,
        body: expect.stringContaining('"name":"start"') as unknown,
      });
      operations.health.waitsFor('database', 'connection refused');
      expect((await page(port, '/health/ready')).body).toBe(
        '{"ready":false,"failing":[{"name":"database","reason":"connection refused"}]}',
      );
      operations.health.started();
      expect((await page(port, '/health/ready')).status).toBe(200);
    } finally {
      await operations.close();
    }
    await expect(page(port, '/health/live')).rejects.toThrow();
  });

  it('shares port, pages and the metrics of the process with the others of its process', async () => {
    const port = await freePort();
    const [a, b] = [
      await openOperations({ name: 'a', opsPort: port, opsHost: '127.0.0.1' }),
      await openOperations({ name: 'b', opsPort: port, opsHost: '127.0.0.1' }),
    ];
    try {
      a.health.started();
      expect((await page(port, '/health/ready')).body).toContain('"name":"b: start"');
      a.metrics.gauge('muster_things', 'Things').set(1);
      b.metrics.gauge('muster_things', 'Things').set(2);
      const { body } = await page(port, '/metrics');
      expect(body.match(/^muster_things/gm)).toHaveLength(2);
      expect(body.match(/^process_resident_memory_bytes.*$/gm)).toEqual([
        expect.stringContaining('{service="a"}'),
      ]);
      expect(body).toContain(
        `muster_build_info{version="0.1.0",node="${process.versions.node}",service="a"} 1`,
      );
      await a.close();
      expect((await page(port, '/health/ready')).body).toContain('"name":"start"');
    } finally {
      await b.close();
    }
  });

  it('shows the pages of another process with its own, and that nothing answers there', async () => {
    const health = new Health();
    health.add('database', () => {
      throw new Error('connection refused');
    });
    const metrics = createMetrics('other');
    metrics.counter('muster_sold_total', 'Things sold').inc();
    const other = await startOpsServer({ port: 0, health, metrics });
    const url = `http://127.0.0.1:${other.port}`;
    const own = createMetrics('shop');
    own.counter('muster_sold_total', 'Things sold').inc();
    const both = combineOps([
      { name: 'shop', ops: { health: new Health(), metrics: own } },
      { name: 'other', ops: remoteOps(url) },
    ]);
    try {
      expect((await both.health.ready()).failing).toEqual([
        { name: 'other: database', reason: 'connection refused' },
      ]);
      const text = await both.metrics.text();
      expect(text).toContain('muster_sold_total{service="other"} 1');
      // What both have is declared once: Prometheus refuses a page that says it twice.
      expect(text.match(/^# TYPE muster_sold_total .*$/gm)).toHaveLength(1);
    } finally {
      await other.close();
    }
    expect((await both.health.ready()).failing).toEqual([
      { name: 'other: process', reason: `nothing answers at ${url}` },
    ]);
  });
});

describe('metrics', () => {
  it('that are read when they are asked for are left out when they cannot be', async () => {
    const metrics = createMetrics('shop');
    let away = false;
    metrics.gaugeOf('muster_a', 'A', () => (away ? Promise.reject(new Error('away')) : Promise.resolve(7)));
    expect(await metrics.text()).toContain('muster_a{service="shop"} 7');
    away = true;
    expect(await metrics.text()).not.toContain('muster_a{');
  });

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
