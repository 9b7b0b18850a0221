import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connections, connectionsIn } from './connections.js';
import type { Container, Deployment, Job, Labels, Manifest, Manifests, PodTemplate } from './manifests.js';
import type { Places } from './places.js';
import { podOf } from './pod.js';
import { podman } from './run.js';

const READY_WITHIN_MS = 180_000;
const PROBE_EVERY_MS = 250;
const PROBE_WITHIN_MS = 3_000;

export type Pod = {
  readonly name: string;
  readonly template: PodTemplate;
  readonly address: string;
};

/** How a container of a pod ended that was told to. */
export type Ending = { readonly pod: string; readonly exitCode: number; readonly ms: number };

/**
 * Does with podman what Kubernetes does with manifests, as far as it matters to a process: runs Jobs to their end and
 * Deployments' pods, with their Secrets and ConfigMaps as files; asks their readiness probes; knows which pods are ready to
 * be a Service's; replaces the pods of a Deployment one by one, a new one first.
 */
export class Cluster {
  private readonly pods = new Map<string, Pod[]>();
  private count = 0;

  /** The network must not be there yet. */
  static async open(places: Places, manifests: Manifests): Promise<Cluster> {
    const directory = join(places.home, 'pods');
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    await podman(places, 'network', 'create', places.network);
    return new Cluster(places, manifests, directory);
  }

  private constructor(
    private readonly places: Places,
    private readonly manifests: Manifests,
    private readonly directory: string,
  ) {}

  /** The volumes that pods share. */
  async claim(): Promise<void> {
    for (const claim of this.manifests.of('PersistentVolumeClaim')) {
      const file = join(this.directory, `${claim.metadata.name}.yaml`);
      writeFileSync(file, JSON.stringify(claim));
      await podman(this.places, 'kube', 'play', file);
    }
  }

  /** Resolves when every pod is ready. `aliasOf`: by which name clients within the cluster reach them. */
  async deploy(
    deployments: readonly Deployment[],
    aliasOf?: (deployment: Deployment) => string,
  ): Promise<void> {
    const wanted = deployments.flatMap((deployment) =>
      Array.from({ length: deployment.spec.replicas ?? 1 }, () => deployment),
    );
    await this.add(wanted, aliasOf);
  }

  /** Rejects with its output when it fails. */
  async run(job: Job): Promise<void> {
    const name = this.nextName(job);
    await this.play([{ name, template: job.spec.template }]);
    const container = containerOf(name, job.spec.template);
    const code = (await podman(this.places, 'wait', container)).trim();
    const output = await this.logs(container);
    await podman(this.places, 'pod', 'rm', '--force', name);
    if (code !== '0') throw new Error(`the Job ${job.metadata.name} ended with ${code}: ${output}`);
  }

  /** Addresses of the ready pods with these labels, which is what a Service of that selector reaches. */
  addresses(selector: Labels): string[] {
    return [...this.pods.values()]
      .flat()
      .filter(({ template }) =>
        Object.entries(selector).every(([label, value]) => template.metadata?.labels?.[label] === value),
      )
      .map(({ address }) => address);
  }

  podsOf(deployment: Deployment): readonly Pod[] {
    return this.pods.get(deployment.metadata.name) ?? [];
  }

  /** Those that a pod has at this moment. */
  async connectionsOf(pod: Pod): Promise<Connections> {
    const container = containerOf(pod.name, pod.template);
    const pid = (await podman(this.places, 'inspect', '--format', '{{.State.Pid}}', container)).trim();
    return connectionsIn(
      ['tcp', 'tcp6'].map((table) => readFileSync(`/proc/${pid}/net/${table}`, 'utf8')).join(''),
    );
  }

  /**
   * As `kubectl rollout restart` with maxSurge 1 and maxUnavailable 0: resolves when the new pods are ready and no Service
   * reaches the old ones any more, with the endings of those, which take their time.
   */
  async restart(deployment: Deployment): Promise<Promise<Ending>[]> {
    const endings: Promise<Ending>[] = [];
    for (const old of [...this.podsOf(deployment)]) {
      await this.add([deployment]);
      endings.push(this.end(deployment, old));
    }
    return endings;
  }

  /** preStop, SIGTERM, and the exit code; Services do not reach it from the beginning on. */
  async end(deployment: Deployment, pod: Pod): Promise<Ending> {
    this.forget(deployment, pod);
    const { containers, terminationGracePeriodSeconds = 30 } = pod.template.spec;
    const preStop = containers[0]?.lifecycle?.preStop?.sleep?.seconds ?? 0;
    await delay(preStop * 1_000);
    const container = containerOf(pod.name, pod.template);
    const began = Date.now();
    await podman(
      this.places,
      ...['stop', '--time', String(terminationGracePeriodSeconds - preStop), container],
    );
    const ms = Date.now() - began;
    const exitCode = Number(
      await podman(this.places, 'inspect', '--format', '{{.State.ExitCode}}', container),
    );
    if (exitCode !== 0) await this.keepLog(container);
    await podman(this.places, 'pod', 'rm', '--force', pod.name);
    return { pod: pod.name, exitCode, ms };
  }

  private async add(
    deployments: readonly Deployment[],
    aliasOf?: (deployment: Deployment) => string,
  ): Promise<void> {
    const named = deployments.map((deployment) => ({
      deployment,
      name: this.nextName(deployment),
      template: deployment.spec.template,
    }));
    if (aliasOf === undefined) await this.play(named);
    // podman gives an alias to all pods that it plays together.
    else for (const one of named) await this.play([one], aliasOf(one.deployment));
    const addresses = await this.addressesOf(named.map(({ name }) => name));
    await Promise.all(
      named.map(async ({ deployment, name, template }, index) => {
        const pod = { name, template, address: addresses[index] ?? '' };
        await this.ready(pod);
        this.pods.set(deployment.metadata.name, [...this.podsOf(deployment), pod]);
      }),
    );
  }

  private forget(deployment: Deployment, pod: Pod): void {
    this.pods.set(
      deployment.metadata.name,
      this.podsOf(deployment).filter((one) => one !== pod),
    );
  }

  private nextName({ metadata }: Manifest): string {
    this.count += 1;
    return `${metadata.name}-${this.count}`;
  }

  private async play(
    pods: readonly { readonly name: string; readonly template: PodTemplate }[],
    alias?: string,
  ): Promise<void> {
    const file = join(this.directory, `${pods[0]?.name ?? 'none'}.yaml`);
    const documents = pods.map(({ name, template }) => podOf(name, template, this.manifests, this.directory));
    writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
    const network = alias === undefined ? this.places.network : `${this.places.network}:alias=${alias}`;
    await podman(this.places, 'kube', 'play', '--network', network, file);
  }

  private async addressesOf(pods: readonly string[]): Promise<string[]> {
    const infra = await podman(this.places, 'pod', 'inspect', '--format', '{{.InfraContainerID}}', ...pods);
    const format = `{{(index .NetworkSettings.Networks "${this.places.network}").IPAddress}}`;
    const addresses = await podman(this.places, 'inspect', '--format', format, ...infra.trim().split('\n'));
    return addresses.trim().split('\n');
  }

  private async ready(pod: Pod): Promise<void> {
    const [container] = pod.template.spec.containers;
    if (container === undefined) throw new Error(`${pod.name} has no container`);
    const deadline = Date.now() + READY_WITHIN_MS;
    let last: unknown;
    while (Date.now() < deadline) {
      try {
        await probe(pod.address, container);
        return;
      } catch (error) {
        last = error;
      }
      await delay(PROBE_EVERY_MS);
    }
    const output = await this.logs(containerOf(pod.name, pod.template));
    throw new Error(`${pod.name} is not ready after ${READY_WITHIN_MS} ms: ${String(last)}\n${output}`);
  }

  private logs(container: string): Promise<string> {
    return podman(this.places, 'logs', '--tail', '40', container);
  }

  private async keepLog(container: string): Promise<void> {
    const output = await podman(this.places, 'logs', container);
    writeFileSync(join(this.directory, `${container}.log`), output);
  }
}

const containerOf = (pod: string, { spec }: PodTemplate): string =>
  `${pod}-${spec.containers[0]?.name ?? ''}`;

/** What the manifest itself says, asked once: throws when the answer is no. */
const probe = async (address: string, { readinessProbe, ports }: Container): Promise<void> => {
  const { httpGet, tcpSocket } = readinessProbe ?? {};
  const named = httpGet?.port ?? tcpSocket?.port;
  const port = typeof named === 'number' ? named : ports?.find(({ name }) => name === named)?.containerPort;
  if (port === undefined) throw new Error('its readiness probe names no port');
  if (httpGet === undefined) {
    await reaches(address, port);
    return;
  }
  const response = await fetch(`http://${address}:${port}${httpGet.path}`, {
    signal: AbortSignal.timeout(PROBE_WITHIN_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
};

const reaches = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: PROBE_WITHIN_MS }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
  });
