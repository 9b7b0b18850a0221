import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import type { IntegrationAccess, IntegrationState } from '@muster/contracts/identity/requests';
import { eventually, startPlatform, type Platform } from '@muster/testing';

interface Line {
  readonly id: string;
  readonly type: string;
  readonly schema: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const EXAMPLE = resolve(import.meta.dirname, '../../../../examples/events/subscribe.mjs');

let platform: Platform;
let directory: string;
let running: ChildProcess[] = [];

beforeAll(async () => {
  platform = await startPlatform({
    MUSTER_IDENTITY_TEND_EVERY_MS: '500',
    // What the killed ones have in hand comes again after this.
    MUSTER_IDENTITY_ACK_WAIT_MS: '3000',
  });
  directory = await mkdtemp(join(tmpdir(), 'muster-integrators-'));
}, 90_000);

afterAll(async () => {
  for (const example of running) await end(example);
  await platform.stop();
  await rm(directory, { recursive: true, force: true });
});

const end = async (example: ChildProcess): Promise<void> => {
  if (example.exitCode !== null || example.signalCode !== null) return;
  const gone = once(example, 'exit');
  example.kill('SIGKILL');
  await gone;
};

/** The published example as it is, with what it has printed so far. */
const runExample = (
  file: string,
): { readonly process: ChildProcess; readonly lines: () => Line[]; readonly errors: () => string } => {
  const example = spawn(process.execPath, [EXAMPLE, file], { stdio: ['ignore', 'pipe', 'pipe'] });
  running = [...running, example];
  let [output, errors] = ['', ''];
  example.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  example.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  return {
    process: example,
    lines: () =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line),
    errors: () => errors,
  };
};

const must = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const answer = await platform.api(method, path, body);
  if (answer.status >= 300)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as T;
};

const desired = (deviceId: string, value: number) =>
  must('PATCH', `/devices/${deviceId}/configuration/desired`, { interval: value });

/** What the device's `interval` was set to, each once, in the order it came first. */
const valuesIn = (lines: readonly Line[], deviceId: string): unknown[] => {
  const values = lines
    .filter(
      ({ type, data }) =>
        type === 'io.muster.desired-configuration.changed.v1' && data['deviceId'] === deviceId,
    )
    .map(({ data }) => (data['changes'] as { interval: { to: unknown } }).interval.to);
  return [...new Set(values)];
};

it('an integrator with one credential misses nothing: killed, away, and with nats-server killed', async () => {
  await must('POST', '/device-types', { name: 'sensor' });
  const devices = await Promise.all(
    ['a', 'b'].map((name) => must<{ id: string }>('POST', '/devices', { name, deviceType: 'sensor' })),
  );
  const access = await must<IntegrationAccess>('POST', '/integrations', {
    name: 'warehouse',
    from: 'beginning',
  });
  const file = join(directory, 'integration.json');
  await writeFile(file, JSON.stringify(access), { mode: 0o600 });

  const first = runExample(file);
  for (let value = 1; value <= 5; value += 1) for (const { id } of devices) await desired(id, value);
  await eventually(
    () => devices.every(({ id }) => valuesIn(first.lines(), id).length === 5) || first.errors(),
    { what: 'the example prints every change', deadlineMs: 20_000 },
  );
  await end(first.process);

  // Away, while changes go on and nats-server dies.
  for (let value = 6; value <= 10; value += 1) for (const { id } of devices) await desired(id, value);
  await platform.nats.kill9();
  await platform.nats.restart();
  for (const { id } of devices) {
    await eventually(() => desired(id, 11).then(() => true), { what: 'changes go on', deadlineMs: 20_000 });
  }
  const second = runExample(file);
  const every = Array.from({ length: 11 }, (_none, index) => index + 1);
  const seenOf = (id: string) => [
    ...new Set([...valuesIn(first.lines(), id), ...valuesIn(second.lines(), id)]),
  ];
  await eventually(() => devices.every(({ id }) => seenOf(id).length === every.length), {
    what: 'the example prints what it missed',
    deadlineMs: 30_000,
  });
  // What a killed reader had in hand comes again later than what is newer: only then is the order another.
  for (const { id } of devices) expect(new Set(seenOf(id))).toEqual(new Set(every));

  // What it is told of itself, and by which schema.
  const seen = [...first.lines(), ...second.lines()];
  expect(seen.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['io.muster.device.provisioned.v1', 'io.muster.integration.created.v1']),
  );
  for (const { type, schema, data } of new Map(seen.map((line) => [line.type, line])).values()) {
    expect(schema).toBe(`${platform.url}/api/v1/events/schemas/${type}.json`);
    const { $ref, $defs } = (await (await fetch(schema)).json()) as {
      $ref: string;
      $defs: Record<string, { required: string[]; properties: object }>;
    };
    const shape = $defs[$ref.replace('#/$defs/', '')];
    expect(Object.keys(data)).toEqual(expect.arrayContaining(shape?.required ?? ['a schema']));
    expect(Object.keys(shape?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(data)));
  }
  const asyncapi = await fetch(`${platform.url}/api/v1/asyncapi-events.json`);
  expect(asyncapi.status).toBe(200);

  const state = () => must<IntegrationState>('GET', `/integrations/${access.id}`);
  await eventually(
    async () =>
      (await state()).consumers.every(({ waiting, unacknowledged }) => waiting === 0 && unacknowledged === 0),
    { what: 'nothing is waiting', deadlineMs: 20_000 },
  );

  await must('DELETE', `/integrations/${access.id}`);
  expect((await platform.api('GET', `/integrations/${access.id}`)).status).toBe(404);
  const third = runExample(file);
  await eventually(() => third.errors().includes('Authorization'), {
    what: 'it is refused',
    deadlineMs: 10_000,
  });
}, 120_000);

it('a reader that has enough, as `| head -1`, ends the example without an error', async () => {
  const access = await must<IntegrationAccess>('POST', '/integrations', { name: 'short', from: 'beginning' });
  const file = join(directory, 'short.json');
  await writeFile(file, JSON.stringify(access), { mode: 0o600 });
  const { process: example, errors } = runExample(file);
  const ended = once(example, 'close');
  example.stdout?.once('data', () => example.stdout?.destroy());
  await eventually(
    async () => {
      // Events go on, so that it prints when nobody reads any more.
      await must('POST', '/device-types', { name: newId() });
      return example.exitCode !== null || example.signalCode !== null;
    },
    { what: 'the example ends', deadlineMs: 30_000, everyMs: 100 },
  );
  expect([await ended, errors()]).toEqual([[0, null], '']);
}, 60_000);
