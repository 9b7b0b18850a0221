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
    ...whole({
      ...chartValues(),
      env: object(shared(variables)),
      services: whole(Object.fromEntries(services) as Schema),
    }),
  };
};

const object = (properties: Schema, required: readonly string[] = []): Schema => ({
  type: 'object',
  additionalProperties: false,
  ...(required.length > 0 ? { required } : {}),
  properties,
});
/** What `null` may take away: there is nothing then, as in an empty list. */
const mayBeMissing = (schema: unknown): boolean => {
  const { type, properties } = schema as { readonly type?: string; readonly properties?: object };
  return type === 'array' || (type === 'object' && properties === undefined);
};
/** Whose other keys cannot be taken away: templates would fail without a word. */
const whole = (properties: Schema): Schema =>
  object(
    properties,
    Object.keys(properties).filter((key) => !mayBeMissing(properties[key])),
  );
const text = { type: 'string' };
const given = { type: 'string', minLength: 1 };
const flag = { type: 'boolean' };
const count = (minimum: number, maximum?: number) => ({
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
const secret = whole({ existingSecret: given, key: given });
const optionalSecret = { existingSecret: text, key: given };
const url = (schemes: string) => ({ type: 'string', pattern: `^(${schemes})://[^/?#@\\s]+$` });
/** Of the servers of a cluster; who logs in is said by a Secret. */
const urls = (schemes: string) => ({
  type: 'string',
  pattern: `^(${schemes})://[^/?#@\\s,]+(,(${schemes})://[^/?#@\\s,]+)*$`,
});
const peer = object({ ports: { ...list(count(1, 65_535)), minItems: 1 }, to: foreigners }, ['ports']);
const networks = list({ type: 'string', pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$' });

const podSettings = {
  replicas: count(0),
  stopSeconds: count(1, 3_600),
  preStopSeconds: count(0, 600),
  resources,
  autoscaling: object({ minReplicas: count(1), maxReplicas: count(1), cpu: count(1, 1_000) }),
  podAnnotations: texts,
  // By these the chart finds its pods.
  podLabels: { ...texts, propertyNames: { not: { pattern: '^(app[.]kubernetes[.]io|helm[.]sh)/' } } },
  nodeSelector: texts,
  tolerations: foreigners,
  affinity: foreign,
  priorityClassName: text,
};

const service = (env: Schema): Schema => object({ ...podSettings, env: object(env) });

const chartValues = (): Schema => ({
  image: whole({
    repository: given,
    tag: { type: 'string', pattern: '^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$' },
    digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: choice('Always', 'IfNotPresent', 'Never'),
    pullSecrets: list(object({ name: given }, ['name'])),
  }),
  publicUrl: url('https?'),
  devicesUrl: url('https?'),
  database: whole({
    existingSecret: given,
    key: given,
    maxConnections: count(1),
    reservedConnections: count(0),
  }),
  nats: whole({
    url: urls('nats|tls'),
    publicUrl: { anyOf: [{ const: '' }, urls('nats|tls|wss?')] },
    streamReplicas: count(1, 5),
    credentials: secret,
    integrations: whole(optionalSecret),
  }),
  amqp: secret,
  brokerMqtt: secret,
  adminApiKey: secret,
  iotHubs: whole(optionalSecret),
  files: whole({
    location: { type: 'string', pattern: '^(claim|s3://[^/\\s]+(/.*)?)$' },
    claim: whole({ existingClaim: text, size: given, storageClassName: text }),
    s3: whole({
      endpoint: { type: 'string', pattern: '^(https?://.+)?$' },
      region: given,
      accessKeyId: text,
      ...optionalSecret,
    }),
  }),
  trustedAuthorities: whole({ existingConfigMap: text, key: given }),
  mqtt: whole({
    plain: flag,
    tls: whole({ existingSecret: text }),
    drainSeconds: count(0, 3_000),
    trustedProxies: networks,
    service: whole({
      type: choice('LoadBalancer', 'NodePort', 'ClusterIP'),
      annotations: texts,
      loadBalancerClass: text,
      loadBalancerSourceRanges: list(given),
      externalTrafficPolicy: choice('Local', 'Cluster'),
    }),
    tlsRoute: whole({ enabled: flag, parentRefs: foreigners, hostnames: list(given) }),
  }),
  http: whole({
    exposedBy: choice('none', 'gatewayApi', 'ingress'),
    gatewayApi: whole({ parentRefs: foreigners }),
    ingress: whole({ className: text, annotations: texts, tlsSecret: text }),
    trustedProxies: networks,
  }),
  defaults: whole(podSettings),
  autoscaling: whole({
    by: choice('none', 'hpa', 'keda'),
    keda: whole({
      uplinkMessages: count(1),
      prometheusUrl: { type: 'string', pattern: '^(https?://.+)?$' },
      jobWaitSeconds: count(1),
    }),
  }),
  migrate: whole({ by: choice('hook', 'job', 'none'), resources }),
  rebuild: {
    type: 'object',
    propertyNames: { pattern: '^[a-z][a-z0-9-]{0,19}$' },
    additionalProperties: { ...list(given), minItems: 1 },
  },
  podDisruptionBudgets: flag,
  serviceAccount: whole({ create: flag, name: text, annotations: texts }),
  networkPolicy: whole({
    enabled: flag,
    monitoring: foreigners,
    edge: foreigners,
    ...{ dns: peer, database: peer, nats: peer, amqp: peer, brokerMqtt: peer, files: peer, iotHubs: peer },
  }),
  metrics: whole({
    serviceMonitor: whole({ enabled: flag, interval: given, labels: texts }),
    rules: whole({ enabled: flag, labels: texts, runbooks: given }),
    dashboards: whole({ enabled: flag, labels: texts }),
  }),
  extraObjects: foreigners,
  global: foreign,
});

const ownVariables = (schema: ConfigSchema): Schema =>
  Object.fromEntries(
    Object.values(schema)
      .filter(({ env }) => !SET_BY_CHART.includes(env))
      .map(({ env, doc, unit, rule }) => [
        env,
        { type: ['string', 'integer'], ...rule, description: `${doc} (${unit})` },
      ]),
  );

/** Those that more than one service has: they must be the same in all of them. */
const shared = (variables: readonly Schema[]): Schema => {
  const all = variables.flatMap((own) => Object.entries(own));
  const isShared = (name: string): boolean => all.filter(([other]) => other === name).length > 1;
  return Object.fromEntries(all.filter(([name]) => isShared(name)));
};
