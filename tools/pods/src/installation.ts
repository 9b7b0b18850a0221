import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from './cluster.js';
import type { Connections } from './connections.js';
import { infrastructure } from './infrastructure.js';
import { type Deployment, Manifests, parseManifests, type PodTemplate } from './manifests.js';
import type { Places } from './places.js';
import { run } from './run.js';
import { ServicePort } from './service-port.js';

export type Installation = {
  readonly cluster: Cluster;
  /** Of the chart. */
  readonly deployments: readonly Deployment[];
  /** The ports that the NetworkPolicies let a pod with these labels and containers connect to, and be connected to at. */
  readonly allowed: (template: PodTemplate) => Connections;
  readonly url: string;
  readonly mqttUrl: string;
  readonly devicesUrl: string;
  readonly databaseUrl: string;
  /** Holds `admin-api-key`. */
  readonly directory: string;
  readonly adminApiKey: string;
  readonly close: () => void;
};

export type InstallationOptions = {
  readonly helm: string;
  readonly replicas: number;
  readonly say: (line: string) => void;
};

const nameOf = ({ metadata }: Deployment): string => metadata.name;
const CHART = 'deploy/helm/muster';
/** What a Service is called by the chart, and its port, for whom outside the cluster. */
const OUTSIDE = {
  gateway: { service: 'muster-gateway', port: 3_000 },
  devices: { service: 'muster-http-adapter', port: 3_001 },
  mqtt: { service: 'muster-mqtt', port: 1_883 },
} as const;

/**
 * Installs the chart as Helm would: the servers that it wants to be there, its migrations to their end, then all else.
 * Resolves when every pod is ready. Within `guarded`, which removes it.
 */
export const install = async (
  places: Places,
  { helm, replicas, say }: InstallationOptions,
): Promise<Installation> => {
  const { servers, secrets, adminApiKey, databasePassword } = await infrastructure(places);
  let cluster: Cluster | undefined;
  let manifests = new Manifests([]);
  const open = ({
    service,
    port,
  }: {
    readonly service: string;
    readonly port: number;
  }): Promise<ServicePort> =>
    ServicePort.open(port, () => cluster?.addresses(manifests.selectorOf(service)) ?? []);
  const [gateway, devices, mqtt] = await Promise.all([
    open(OUTSIDE.gateway),
    open(OUTSIDE.devices),
    open(OUTSIDE.mqtt),
  ]);
  const outside = [gateway, devices, mqtt];
  const address = ({ port }: ServicePort): string => `127.0.0.1:${port}`;
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const began = Date.now();
    const result = await work();
    say(`${what} (${((Date.now() - began) / 1_000).toFixed(1)} s)`);
    return result;
  };
  try {
    const chart = join(places.root, CHART);
    const rendered = await run(helm, [
      ...['template', 'muster', chart, '--values', join(chart, 'ci/pods-values.yaml')],
      ...['--set', `publicUrl=http://${address(gateway)},devicesUrl=http://${address(devices)}`],
      ...['--set', `defaults.replicas=${replicas},database.maxConnections=400`],
    ]);
    manifests = new Manifests([...parseManifests(rendered), ...secrets]);
    const running = await Cluster.open(places, manifests);
    cluster = running;
    await timed('PostgreSQL, NATS and RabbitMQ are ready', () => running.deploy(servers, nameOf));
    await timed('the migrations are through', async () => {
      for (const job of manifests.jobs) await running.run(job);
    });
    await timed(`${manifests.deployments.length} services are ready, ${replicas} pods of each`, async () => {
      await running.claim();
      await running.deploy(manifests.deployments);
    });
  } catch (error) {
    for (const port of outside) port.close();
    throw error;
  }
  const directory = join(places.home, 'installation');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, 'admin-api-key'), adminApiKey, { mode: 0o600 });
  const [database] = cluster.addresses({ app: 'postgres' });
  return {
    cluster,
    deployments: manifests.deployments,
    allowed: (template) => manifests.allowed(template),
    url: `http://${address(gateway)}`,
    mqttUrl: `mqtt://${address(mqtt)}`,
    devicesUrl: `http://${address(devices)}`,
    databaseUrl: `postgres://muster:${databasePassword}@${database ?? ''}:5432/muster`,
    directory,
    adminApiKey,
    close: () => {
      for (const port of outside) port.close();
    },
  };
};
