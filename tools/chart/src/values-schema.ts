import type { ConfigSchema } from '@muster/observability';
import { configSchemaOf, readServiceFacts } from './service-facts.js';

type Schema = Readonly<Record<string, unknown>>;

/** Variables that the chart sets from other values: no second way to say them. */
export const SET_BY_CHART = [
  ...[
    'NATS_URL',
    'NATS_CREDENTIALS_FILE',
    'NATS_PUBLIC_URL',
    'NATS_STREAM_REPLICAS',
    'NATS_INTEGRATIONS_FILE',
  ],
  ...['DATABASE_URL', 'AMQP_URL', 'BROKER_MQTT_URL', 'PUBLIC_URL', 'FIRMWARE_BASE_URL'],
  ...['SEALING_KEY_FILE', 'OPS_HOST', 'OPS_PORT', 'STOP_SECONDS', 'ADMIN_API_KEY_FILE'],
  ...[
    'FILES',
    'FILES_S3_ENDPOINT',
    'FILES_S3_REGION',
    'FILES_S3_ACCESS_KEY_ID',
    'FILES_S3_SECRET_ACCESS_KEY_FILE',
  ],
  ...['GATEWAY_HOST', 'GATEWAY_PORT', 'GATEWAY_CONSOLE', 'GATEWAY_TRUSTED_PROXIES', 'GATEWAY_COMPANIONS'],
  ...['HTTP_DEVICES_HOST', 'HTTP_DEVICES_PORT', 'HTTP_ADAPTER_TRUSTED_PROXIES'],
  ...[
    'MQTT_HOST',
    'MQTT_PORT',
    'MQTT_DRAIN_SECONDS',
    'MQTT_TRUSTED_PROXIES',
    'MQTT_TLS_HOST',
    'MQTT_TLS_PORT',
  ],
  ...['MQTT_TLS_CERTIFICATE_FILE', 'MQTT_TLS_KEY_FILE', 'MQTT_TLS_DIRECTORY'],
].map((name) => `MUSTER_${name}`);

/**
 * values.schema.json: strict everywhere that a key is ours, so that a misspelt one stops the installation, variables of the services
 * included. What Kubernetes defines (affinity, peers of policies) is left to the API server.
 */
export const valuesSchema = async (): Promise<Schema> => {
  const names = Object.keys(readServiceFacts());
  const variables = await Promise.all(names.map(async (name) => ownVariables(await configSchemaOf(name))));
  const services = names.map((name, index) => [name, service(variables[index] ?? {})]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart muster',
    ...object(
      {
        ...chartValues(),
        env: object(shared(variables)),
        services: object(Object.fromEntries(services) as Schema),
      },
      ['image', 'publicUrl', 'devicesUrl'],
    ),
  };
};

const object = (properties: Schema, required: readonly string[] = []): Schema => ({
  type: 'object',
  additionalProperties: false,
  ...(required.length > 0 ? { required } : {}),
  properties,
});
const text = { type: 'string' };
const given = { type: 'string', minLength: 1 };
const flag = { type: 'boolean' };
const whole = (minimum: number, maximum?: number) => ({
  type: 'integer',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
});
const choice = (...values: readonly string[]) => ({ enum: values });
const list = (items: Schema) => ({ type: 'array', items });
const texts = { type: 'object', additionalProperties: text };
/** Of Kubernetes. */
const foreign = { type: 'object' };
const foreigners = list(foreign);
const quantities = object({ cpu: { type: ['string', 'number'] }, memory: given, 'ephemeral-storage': given });
const resources = object({ requests: quantities, limits: quantities });
const secret = object({ existingSecret: given, key: given });
const optionalSecret = { existingSecret: text, key: given };
const url = (schemes: string) => ({ type: 'string', pattern: `^(${schemes})://[^/\\s]+$` });
const urls = (schemes: string) => ({
  type: 'string',
  pattern: `^(${schemes})://[^/\\s,]+(,(${schemes})://[^/\\s,]+)*$`,
});
const peer = object({ ports: list(whole(1, 65_535)), to: foreigners });
const networks = list({ type: 'string', pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$' });

const podSettings = {
  replicas: whole(0),
  stopSeconds: whole(1, 3_600),
  preStopSeconds: whole(0, 600),
  resources,
  autoscaling: object({ minReplicas: whole(1), maxReplicas: whole(1), cpu: whole(1, 1_000) }),
  podAnnotations: texts,
  podLabels: texts,
  nodeSelector: texts,
  tolerations: foreigners,
  affinity: foreign,
  priorityClassName: text,
};

const service = (env: Schema): Schema => object({ ...podSettings, env: object(env) });

const chartValues = (): Schema => ({
  image: object(
    {
      repository: given,
      tag: text,
      digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
      pullPolicy: choice('Always', 'IfNotPresent', 'Never'),
      pullSecrets: list(object({ name: given }, ['name'])),
    },
    ['repository'],
  ),
  publicUrl: url('https?'),
  devicesUrl: url('https?'),
  database: object({
    existingSecret: given,
    key: given,
    maxConnections: whole(1),
    reservedConnections: whole(0),
  }),
  nats: object({
    url: urls('nats|tls'),
    publicUrl: { anyOf: [{ const: '' }, urls('nats|tls|wss?')] },
    streamReplicas: whole(1, 5),
    credentials: secret,
    integrations: object(optionalSecret),
  }),
  amqp: secret,
  brokerMqtt: secret,
  adminApiKey: secret,
  iotHubs: object(optionalSecret),
  files: object({
    location: { type: 'string', pattern: '^(claim|s3://[^/\\s]+(/.*)?)$' },
    claim: object({ existingClaim: text, size: given, storageClassName: text }),
    s3: object({
      endpoint: { type: 'string', pattern: '^(https?://.+)?$' },
      region: given,
      accessKeyId: text,
      ...optionalSecret,
    }),
  }),
  trustedAuthorities: object({ existingConfigMap: text, key: given }),
  mqtt: object({
    plain: flag,
    tls: object({ existingSecret: text }),
    drainSeconds: whole(0, 3_000),
    trustedProxies: networks,
    service: object({
      type: choice('LoadBalancer', 'NodePort', 'ClusterIP'),
      annotations: texts,
      loadBalancerClass: text,
      loadBalancerSourceRanges: list(given),
      externalTrafficPolicy: choice('Local', 'Cluster'),
    }),
    tlsRoute: object({ enabled: flag, parentRefs: foreigners, hostnames: list(given) }),
  }),
  http: object({
    exposedBy: choice('none', 'gatewayApi', 'ingress'),
    gatewayApi: object({ parentRefs: foreigners }),
    ingress: object({ className: text, annotations: texts, tlsSecret: text }),
    trustedProxies: networks,
  }),
  defaults: object(podSettings),
  autoscaling: object({
    by: choice('none', 'hpa', 'keda'),
    keda: object({
      uplinkMessages: whole(1),
      prometheusUrl: { type: 'string', pattern: '^(https?://.+)?$' },
      jobWaitSeconds: whole(1),
    }),
  }),
  migrate: object({ by: choice('hook', 'job', 'none'), resources }),
  rebuild: {
    type: 'object',
    propertyNames: { pattern: '^[a-z][a-z0-9-]{0,19}$' },
    additionalProperties: { ...list(given), minItems: 1 },
  },
  podDisruptionBudgets: flag,
  serviceAccount: object({ create: flag, name: text, annotations: texts }),
  networkPolicy: object({
    enabled: flag,
    monitoring: foreigners,
    edge: foreigners,
    ...{ dns: peer, database: peer, nats: peer, amqp: peer, brokerMqtt: peer, files: peer, iotHubs: peer },
  }),
  metrics: object({
    serviceMonitor: object({ enabled: flag, interval: given, labels: texts }),
    rules: object({ enabled: flag, labels: texts, runbooks: given }),
    dashboards: object({ enabled: flag, labels: texts }),
  }),
  extraObjects: foreigners,
  global: foreign,
});

const ownVariables = (schema: ConfigSchema): Schema =>
  Object.fromEntries(
    Object.values(schema)
      .filter(({ env }) => !SET_BY_CHART.includes(env))
      .map(({ env, doc, unit }) => [env, { type: ['string', 'integer'], description: `${doc} (${unit})` }]),
  );

/** Those that more than one service has: they must be the same in all of them. */
const shared = (variables: readonly Schema[]): Schema => {
  const all = variables.flatMap((own) => Object.entries(own));
  const isShared = (name: string): boolean => all.filter(([other]) => other === name).length > 1;
  return Object.fromEntries(all.filter(([name]) => isShared(name)));
};
