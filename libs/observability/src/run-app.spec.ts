import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, createLogger, createMetrics, Health, runApp, type RunningApp } from './index.js';

class FakeProcess extends EventEmitter {
  readonly codes: number[] = [];
  readonly errors: string[] = [];
  readonly stderr = { write: (text: string) => this.errors.push(text) };
  private end = (): void => undefined;
  readonly ended = new Promise<void>((resolve) => (this.end = resolve));
  exit(code: number): void {
    this.codes.push(code);
    this.end();
  }
}

const logger = createLogger({ service: 'test', level: 'silent' });
const ops = { health: new Health(), metrics: createMetrics('test') };
const app = (stop: () => Promise<void>): RunningApp => ({ name: 'app', ops, stop });
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an app', () => {
  it('is stopped once by the first signal, and ends', async () => {
    const host = new FakeProcess();
    let stops = 0;
    await runApp(
      () =>
        Promise.resolve(
          app(() => {
            stops += 1;
            return Promise.resolve();
          }),
        ),
      host,
      logger,
    );
    host.emit('SIGTERM');
    await later();
    expect({ stops, codes: host.codes }).toEqual({ stops: 1, codes: [0] });
  });

  it('ends at once at the second signal', async () => {
    const host = new FakeProcess();
    let stops = 0;
    let finish = (): void => undefined;
    const stop = (): Promise<void> => {
      stops += 1;
      return new Promise((resolve) => (finish = resolve));
    };
    await runApp(() => Promise.resolve(app(stop)), host, logger);
    host.emit('SIGINT');
    host.emit('SIGINT');
    expect({ stops, codes: host.codes }).toEqual({ stops: 1, codes: [1] });
    finish();
    await later();
  });

  it('has as long to stop as it says, and no longer', async () => {
    const host = new FakeProcess();
    const stop = (): Promise<void> => new Promise(() => undefined);
    await runApp(() => Promise.resolve({ ...app(stop), stopSeconds: 0.01 }), host, logger);
    host.emit('SIGTERM');
    expect(host.codes).toEqual([]);
    await host.ended;
    expect(host.codes).toEqual([1]);
  });

  it('that still waits for something at its start ends at once', () => {
    const host = new FakeProcess();
    void runApp(() => new Promise(() => undefined), host, logger);
    host.emit('SIGTERM');
    expect(host.codes).toEqual([0]);
  });

  it('with a wrong configuration says which keys and exits 78', async () => {
    const host = new FakeProcess();
    const start = () => Promise.reject(new ConfigError([{ env: 'PORT', rule: 'must be set' }]));
    await runApp(start, host, logger);
    expect(host.codes).toEqual([78]);
    expect(host.errors.join()).toContain('PORT must be set');
  });

  it('that cannot start or stop, or leaves a promise unhandled, exits 1', async () => {
    const failing = new FakeProcess();
    await runApp(() => Promise.reject(new Error('no')), failing, logger);
    expect(failing.codes).toEqual([1]);

    const stuck = new FakeProcess();
    await runApp(() => Promise.resolve(app(() => Promise.reject(new Error('no')))), stuck, logger);
    stuck.emit('SIGTERM');
    await later();
    expect(stuck.codes).toEqual([1]);

    const careless = new FakeProcess();
    await runApp(() => Promise.resolve(app(later)), careless, logger);
    careless.emit('unhandledRejection', new Error('forgotten'));
    expect(careless.codes).toEqual([1]);
  });
});
