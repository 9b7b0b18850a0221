import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AMQP_USER, definitionFiles, FRONT_USER } from '@muster/local-servers';
import { openTrust, trustLines } from '@muster/nats-accounts';
import { type Deployment, type Manifest, Manifests, parseManifests } from './manifests.js';
import type { Places } from './places.js';

export type Infrastructure = {
  /** In the order of their names. */
  readonly servers: readonly Deployment[];
  /** Their Secrets, and those that a platform team makes before it installs the chart. */
  readonly secrets: readonly Manifest[];
  readonly adminApiKey: string;
  readonly databasePassword: string;
};

/** The servers of the cluster and their keys, new for each run but those of NATS: to make these costs seconds. */
export const infrastructure = async ({ root, home }: Places): Promise<Infrastructure> => {
  const keys = join(home, 'nats-keys');
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const trust = await openTrust(keys);
  const [databasePassword, amqpPassword, frontPassword, key] = [secret(), secret(), secret(), secret()];
  const adminApiKey = `mk_${key}`;
  const deploy = (file: string): string => readFileSync(join(root, 'deploy/rabbitmq', file), 'utf8');
  return {
    servers: new Manifests(parseManifests(readFileSync(join(root, 'tools/pods/infrastructure.yaml'), 'utf8')))
      .deployments,
    secrets: [
      secretOf('postgres', { password: databasePassword }),
      secretOf('nats', {
        'nats.conf': [
          'server_name: nats',
          'http_port: 8222',
          'jetstream { store_dir: /data/streams }',
          ...trustLines(trust.server, '/data/accounts'),
        ].join('\n'),
      }),
      secretOf('rabbitmq', {
        'rabbitmq.conf': [
          deploy('10-muster.conf'),
          deploy('20-rabbitmq-4.conf'),
          'listeners.tcp.1 = 0.0.0.0:5672',
          'mqtt.listeners.tcp.1 = 0.0.0.0:1883',
          'load_definitions = /definitions',
          '',
        ].join('\n'),
        'advanced.config': deploy('advanced.config'),
        enabled_plugins: deploy('enabled_plugins'),
      }),
      secretOf(
        'rabbitmq-definitions',
        Object.fromEntries(
          definitionFiles(deploy('definitions.json'), { amqpPassword, frontPassword }).map(
            ({ name, content }) => [name, content],
          ),
        ),
      ),
      secretOf('muster-database', { url: `postgres://muster:${databasePassword}@postgres:5432/muster` }),
      secretOf('muster-amqp', { url: `amqp://${AMQP_USER}:${amqpPassword}@rabbitmq:5672` }),
      secretOf('muster-broker-mqtt', { url: `mqtt://${FRONT_USER}:${frontPassword}@rabbitmq:1883` }),
      secretOf('muster-admin-api-key', { 'api-key': adminApiKey }),
      secretOf('muster-nats-services', { 'services.creds': readFileSync(trust.servicesFile, 'utf8') }),
      secretOf('muster-nats-integrations', {
        'integrations.json': readFileSync(trust.integrationsFile, 'utf8'),
      }),
    ],
    adminApiKey,
    databasePassword,
  };
};

const secret = (): string => randomBytes(32).toString('base64url');

const secretOf = (name: string, stringData: Readonly<Record<string, string>>): Manifest => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});
