import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NATS_MAX_PAYLOAD, POSTGRES_SETTINGS, QUEUES_FILE, USERS_FILE } from '@muster/local-servers';
import { Document, parse, stringify, visit } from 'yaml';
import { CHART, ROOT } from './places.js';

/** What the example files, the Secrets and the values of the chart call each other. */
export const NAMES = {
  postgres: 'muster-postgres',
  nats: 'nats',
  natsTrust: 'muster-nats-trust',
  rabbitmq: 'muster-rabbitmq',
  queues: 'muster-broker-queues',
  definitions: 'muster-broker-definitions',
  sealing: 'muster-sealing-key',
  mqttTls: 'muster-mqtt-tls',
} as const;

/** The chart counts by it, and this PostgreSQL has it. */
const { database } = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as {
  readonly database: { readonly maxConnections: number };
};
/** Every file in there is loaded, one after the other. */
const DEFINITIONS = '/etc/rabbitmq/muster-definitions';
/** The default of write-trust, below the volume of JetStream. */
export const NATS_ACCOUNTS = '/data/accounts';

/**
 * deploy/kubernetes: the three servers by their operators and NATS' chart, three of each, set up by what sets up the private servers
 * of `npm start`; and the values of our chart that go with them.
 */
export const infrastructure = (): Readonly<Record<string, string>> => ({
  'postgres.yaml': file('PostgreSQL by CloudNativePG', [postgres]),
  'nats-values.yaml': file('Values of the chart nats 2.x of nats-io', [natsValues]),
  'rabbitmq.yaml': file('RabbitMQ by its cluster operator, and its queues', [rabbitmq(), queues()]),
  'certificate.yaml': file('The certificate of the MQTT door by cert-manager', [certificate]),
  'external-secrets.yaml': file('The Secrets by External Secrets, from a store of yours', externalSecrets()),
  'muster-values.yaml': file('Values of our chart for these; add image, publicUrl, devicesUrl, files', [
    musterValues,
  ]),
});

const file = (what: string, documents: readonly object[]): string =>
  [
    `# ${what}. Generated: node tools/chart/dist/src/write-generated.js`,
    documents.map((document) => yaml(document)).join('---\n'),
  ].join('\n');

/** Texts of several lines as they are, long ones not folded. As YAML 1.1, to which `on` and `off` are no texts: that is what Kubernetes reads. */
const yaml = (value: object): string => {
  const document = new Document(value, { aliasDuplicateObjects: false, version: '1.1' });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && node.value.includes('\n')) node.type = 'BLOCK_LITERAL';
    },
  });
  return stringify(document, { lineWidth: 0, singleQuote: true });
};

const postgres = {
  apiVersion: 'postgresql.cnpg.io/v1',
  kind: 'Cluster',
  metadata: { name: NAMES.postgres },
  spec: {
    instances: 3,
    storage: { size: '100Gi' },
    walStorage: { size: '20Gi' },
    postgresql: {
      parameters: {
        ...POSTGRES_SETTINGS,
        max_connections: String(database.maxConnections),
        shared_buffers: '2GB',
      },
      // A commit is acknowledged when a second server has it.
      synchronous: { method: 'any', number: 1 },
    },
    resources: { requests: { cpu: '1', memory: '4Gi' }, limits: { memory: '8Gi' } },
    bootstrap: { initdb: { database: 'muster', owner: 'muster' } },
    // Each service has a role of its own, which the migrations make.
    managed: { roles: [{ name: 'muster', login: true, createrole: true }] },
  },
};

const natsValues = {
  config: {
    cluster: { enabled: true, replicas: 3 },
    // From the first installation on: a StatefulSet cannot be given volumes later.
    jetstream: {
      enabled: true,
      fileStore: { enabled: true, dir: '/data', pvc: { enabled: true, size: '20Gi' } },
    },
    merge: { max_payload: `<< ${NATS_MAX_PAYLOAD} >>`, $include: '../muster-trust/trust.conf' },
  },
  container: {
    patch: [{ op: 'add', path: '/volumeMounts/-', value: { name: 'trust', mountPath: '/etc/muster-trust' } }],
  },
  podTemplate: {
    patch: [
      {
        op: 'add',
        path: '/spec/volumes/-',
        value: { name: 'trust', secret: { secretName: NAMES.natsTrust } },
      },
    ],
    topologySpreadConstraints: {
      'kubernetes.io/hostname': { maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' },
    },
  },
  podDisruptionBudget: { enabled: true },
};

const rabbitmq = (): object => {
  const source = (name: string): string => readFileSync(join(ROOT, 'deploy/rabbitmq', name), 'utf8');
  const plugins = /\[(.*)\]/.exec(source('enabled_plugins'))?.[1]?.split(',') ?? [];
  return {
    apiVersion: 'rabbitmq.com/v1beta1',
    kind: 'RabbitmqCluster',
    metadata: { name: NAMES.rabbitmq },
    spec: {
      replicas: 3,
      persistence: { storage: '50Gi' },
      resources: { requests: { cpu: '1', memory: '4Gi' }, limits: { memory: '4Gi' } },
      rabbitmq: {
        additionalPlugins: [...plugins, 'rabbitmq_prometheus'],
        additionalConfig: [
          source('10-muster.conf'),
          source('20-rabbitmq-4.conf'),
          `load_definitions = ${DEFINITIONS}`,
          '',
        ].join('\n'),
        advancedConfig: source('advanced.config'),
      },
      override: {
        statefulSet: {
          spec: {
            template: {
              spec: {
                containers: [
                  {
                    name: 'rabbitmq',
                    // By subPath: RabbitMQ does not read definitions from a mounted directory, which is full of links.
                    volumeMounts: [
                      { name: 'queues', mountPath: `${DEFINITIONS}/${QUEUES_FILE}`, subPath: QUEUES_FILE },
                      {
                        name: 'users',
                        mountPath: `${DEFINITIONS}/${USERS_FILE}`,
                        subPath: SECRET_KEYS[NAMES.definitions],
                      },
                    ],
                  },
                ],
                volumes: [
                  { name: 'queues', configMap: { name: NAMES.queues } },
                  { name: 'users', secret: { secretName: NAMES.definitions } },
                ],
              },
            },
          },
        },
      },
    },
  };
};

/** Loaded before the users, see `definitionFiles` of @muster/local-servers. */
const queues = (): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: NAMES.queues },
  data: { [QUEUES_FILE]: readFileSync(join(ROOT, 'deploy/rabbitmq/definitions.json'), 'utf8') },
});

const certificate = {
  apiVersion: 'cert-manager.io/v1',
  kind: 'Certificate',
  metadata: { name: NAMES.mqttTls },
  spec: {
    secretName: NAMES.mqttTls,
    dnsNames: ['mqtt.example.com'],
    issuerRef: { kind: 'ClusterIssuer', name: 'letsencrypt' },
    privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
  },
};

/** Names of the Secrets that `write-secrets` makes, and their keys. */
export const SECRET_KEYS: Readonly<Record<string, string>> = {
  'muster-amqp': 'url',
  'muster-broker-mqtt': 'url',
  'muster-admin-api-key': 'api-key',
  'muster-nats-services': 'services.creds',
  'muster-nats-integrations': 'integrations.json',
  [NAMES.natsTrust]: 'trust.conf',
  [NAMES.definitions]: 'definitions.json',
  [NAMES.sealing]: 'sealing-key',
};

const externalSecrets = (): readonly object[] =>
  Object.entries(SECRET_KEYS).map(([name, secretKey]) => ({
    apiVersion: 'external-secrets.io/v1',
    kind: 'ExternalSecret',
    metadata: { name },
    spec: {
      refreshInterval: '1h',
      secretStoreRef: { kind: 'ClusterSecretStore', name: 'company' },
      target: { name },
      data: [{ secretKey, remoteRef: { key: 'muster', property: `${name}/${secretKey}` } }],
    },
  }));

const musterValues = {
  database: { existingSecret: `${NAMES.postgres}-app`, key: 'uri', maxConnections: database.maxConnections },
  nats: { url: `nats://${NAMES.nats}:4222`, streamReplicas: 3 },
  mqtt: { tls: { existingSecret: NAMES.mqttTls } },
  iotHubs: { existingSecret: NAMES.sealing },
};
