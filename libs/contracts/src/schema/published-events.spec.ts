import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventsAsyncApi } from './events-asyncapi.js';
import { publishedContracts } from './every-contract.js';
import { eventSchemas, publishedStreams } from './published-events.js';
import type { JsonSchema } from './json-schema.js';

const committed: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../../docs/asyncapi-events.json'), 'utf8'),
);

/** Seen, and wanted by nobody. */
const OBSERVED = [
  'io.muster.device.connected.v1',
  'io.muster.device.disconnected.v1',
  'io.muster.campaign-phase.changed.v1',
  'io.muster.campaign-targets.changed.v1',
  'io.muster.supervision-verdicts.changed.v1',
];

describe('published events', () => {
  it.each(
    publishedContracts().map((contract) => [`${contract.service} ${contract.type}`, contract] as const),
  )('%s carries its version, its time and, unless it was only observed, who wanted it', (_name, { type }) => {
    const schema = eventSchemas().get(type);
    const definitions = schema?.['$defs'] as Record<string, JsonSchema>;
    const { required = [], properties = {} } = definitions[schema?.$ref?.replace('#/$defs/', '') ?? ''] ?? {};
    expect(required).toEqual(expect.arrayContaining(['version', 'at']));
    if (OBSERVED.includes(type)) return;
    const who = required.find((name) => name === 'actor' || name === 'source') ?? 'nobody';
    expect(properties[who]).toEqual({ $ref: '#/$defs/Actor' });
  });

  it('of one type have one schema, whoever publishes them', () => {
    const shapes = new Map<string, unknown>();
    for (const { type, data } of publishedContracts()) {
      expect(shapes.get(type) ?? data).toBe(data);
      shapes.set(type, data);
    }
  });

  it('come from streams of one service each', () => {
    expect(
      publishedStreams()
        .find(({ service }) => service === 'telemetry')
        ?.filter('t1'),
    ).toBe('muster.v1.telemetry.t1.>');
    expect(publishedStreams().find(({ service }) => service === 'configuration')).toMatchObject({
      stream: 'EVENTS_CONFIGURATION',
    });
  });
});

describe('docs/asyncapi-events.json', () => {
  const generated = JSON.parse(JSON.stringify(eventsAsyncApi())) as unknown;

  it('is up to date: run `node libs/contracts/dist/src/schema/write-schemas.js`', () => {
    expect(generated).toEqual(committed);
  });

  it('refers only to what it has', () => {
    const refs = new Set(
      JSON.stringify(generated)
        .match(/"#\/[^"]+"/g)
        ?.map((ref) => ref.slice(3, -1)),
    );
    const missing = [...refs].filter((ref) => at(generated, ref.split('/')) === undefined);
    expect(missing).toEqual([]);
  });
});

const at = (value: unknown, [name, ...rest]: string[]): unknown => {
  if (name === undefined) return value;
  return typeof value === 'object' && value !== null
    ? at((value as Record<string, unknown>)[name], rest)
    : undefined;
};
