import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { infrastructure, SECRET_KEYS } from './infrastructure.js';
import { CHART, ROOT } from './places.js';
import { secretsOf } from './secrets.js';

interface Secret {
  readonly metadata: { readonly name: string };
  readonly stringData: Readonly<Record<string, string>>;
}

const directory = mkdtempSync(join(tmpdir(), 'muster-secrets-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('the Secrets of an installation', () => {
  it('are made once, and the same again', async () => {
    const first = await secretsOf(directory);
    expect(await secretsOf(directory)).toBe(first);
    for (const file of readdirSync(directory)) expect(statSync(join(directory, file)).mode & 0o077).toBe(0);
  });

  it('have what the chart refers to, but for what the operators make', async () => {
    const made = parseAllDocuments(await secretsOf(directory)).map((document) => document.toJS() as Secret);
    expect(made.map(({ metadata, stringData }) => [metadata.name, Object.keys(stringData)])).toEqual(
      Object.entries(SECRET_KEYS).map(([name, key]) => [name, [key]]),
    );
    const values = readFileSync(join(CHART, 'values.yaml'), 'utf8');
    const referred = Array.from(values.matchAll(/existingSecret: (muster-\S+)/g), ([, name]) => name ?? '');
    // Of CloudNativePG and of cert-manager.
    const byOthers = ['muster-database', 'muster-mqtt-tls'];
    expect(Object.keys(SECRET_KEYS)).toEqual(
      expect.arrayContaining(referred.filter((name) => !byOthers.includes(name))),
    );
  });

  it('have what the keys of IoT Hubs are sealed with, in the place where the values of our chart look', async () => {
    const made = parseAllDocuments(await secretsOf(directory)).map((document) => document.toJS() as Secret);
    const chart = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as { iotHubs: { key: string } };
    const { iotHubs } = parse(infrastructure()['muster-values.yaml'] ?? '') as {
      iotHubs: { existingSecret: string };
    };
    const secret = made.find(({ metadata }) => metadata.name === iotHubs.existingSecret);
    const key = Buffer.from(secret?.stringData[chart.iotHubs.key] ?? '', 'base64url');
    expect(key).toHaveLength(32);
  });

  it('let the broker know the adapter and the door by hashes of their passwords', async () => {
    const made = parseAllDocuments(await secretsOf(directory)).map((document) => document.toJS() as Secret);
    const contentOf = (name: string): string =>
      made.find(({ metadata }) => metadata.name === name)?.stringData[SECRET_KEYS[name] ?? ''] ?? '';
    const password = new URL(contentOf('muster-amqp')).password;
    const definitions = contentOf('muster-broker-definitions');
    expect(JSON.parse(definitions)).toMatchObject({
      users: [{ name: 'muster-adapter' }, { name: 'muster-front' }],
    });
    expect(password).toHaveLength(43);
    expect(definitions).not.toContain(password);
  });
});

describe('the broker in the cluster', () => {
  const [cluster, queues] = parseAllDocuments(infrastructure()['rabbitmq.yaml'] ?? '').map(
    (document) => document.toJS() as unknown,
  );
  const source = (name: string): string => readFileSync(join(ROOT, 'deploy/rabbitmq', name), 'utf8');

  it('is set up by the files of the private one', () => {
    const { spec } = cluster as {
      spec: { rabbitmq: { additionalConfig: string; advancedConfig: string; additionalPlugins: string[] } };
    };
    for (const name of ['10-muster.conf', '20-rabbitmq-4.conf'])
      expect(spec.rabbitmq.additionalConfig).toContain(source(name));
    expect(spec.rabbitmq.advancedConfig).toBe(source('advanced.config'));
    for (const plugin of spec.rabbitmq.additionalPlugins.slice(0, -1))
      expect(source('enabled_plugins')).toContain(plugin);
    expect(queues).toMatchObject({ data: { '10-queues.json': source('definitions.json') } });
  });

  it('loads its queues first and its users then, who would be acknowledged and dropped without queues', () => {
    const { spec } = cluster as {
      spec: {
        rabbitmq: { additionalConfig: string };
        override: {
          statefulSet: {
            spec: { template: { spec: { containers: [{ volumeMounts: { mountPath: string }[] }] } } };
          };
        };
      };
    };
    const [{ volumeMounts }] = spec.override.statefulSet.spec.template.spec.containers;
    const [, directory = ''] = /load_definitions = (.*)/.exec(spec.rabbitmq.additionalConfig) ?? [];
    const [first, second, ...more] = volumeMounts.map(({ mountPath }) => mountPath).sort();
    expect([first, second, more]).toEqual([`${directory}/10-queues.json`, `${directory}/20-users.json`, []]);
  });
});
