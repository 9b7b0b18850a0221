import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from './places.js';
import { configSchemaOf, readServiceFacts } from './service-facts.js';
import { SET_BY_CHART } from './values-schema.js';

const facts = readServiceFacts();
/** The console is served by the gateway; all-in-one is for one machine. */
const NOT_DEPLOYED = ['all-in-one', 'console'];

it('the chart knows every service', () => {
  const apps = readdirSync(join(ROOT, 'apps')).filter((app) => !NOT_DEPLOYED.includes(app));
  expect(Object.keys(facts).sort()).toEqual(apps.sort());
});

describe.each(Object.entries(facts))('of %s the chart knows', (name, fact) => {
  it('what it connects to', async () => {
    const keys = Object.keys(await configSchemaOf(name));
    const uses = Object.entries({
      ...{ natsUrl: 'nats', databaseUrl: 'database', amqpUrl: 'amqp', brokerUrl: 'brokerMqtt' },
      ...{ files: 'files', integrationKeys: 'integrations', adminApiKey: 'adminApiKey' },
      sealingKey: 'iotHubs',
    }).flatMap(([key, use]) => (keys.includes(key) ? [use] : []));
    expect([...fact.uses].sort()).toEqual(uses.sort());
  });

  it('the variables that it sets, and the one of its pool', async () => {
    const variables = Object.values(await configSchemaOf(name));
    const known = variables.map(({ env }) => env);
    expect(known).toEqual(expect.arrayContaining(Object.keys(fact.env ?? {})));
    expect(SET_BY_CHART).toEqual(expect.arrayContaining(Object.keys(fact.env ?? {})));
    const pool = variables.find(({ env }) => env.endsWith('_POOL_SIZE'));
    expect(fact.connections?.pool).toBe(pool?.env);
    // The chart counts with it where nothing is said.
    if (pool !== undefined) expect(pool.fallback).toBe(8);
  });

  it('whether it has jobs, and how many connections it keeps beside its pool', () => {
    const wiring = readFileSync(join(ROOT, 'apps', name, 'src/app.module.ts'), 'utf8');
    const jobs = wiring.includes('startJobWorkers(');
    const relay = /^\s+relay: \{/m.test(wiring);
    expect(fact.jobs ?? false).toBe(jobs);
    expect(fact.connections?.beside ?? 0).toBe(Number(jobs) + Number(relay));
  });
});
