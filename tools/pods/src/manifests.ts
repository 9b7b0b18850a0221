import { parseAllDocuments } from 'yaml';
import type { Connections } from './connections.js';

/** Of a manifest, what the runner reads; what it does not know goes to podman as it is. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
};

export type Labels = Readonly<Record<string, string>>;

export type Probe = {
  readonly httpGet?: { readonly path: string; readonly port: number | string };
  readonly tcpSocket?: { readonly port: number | string };
};

export type Container = {
  readonly name: string;
  readonly env?: readonly EnvironmentVariable[];
  readonly envFrom?: readonly {
    readonly configMapRef?: { readonly name: string };
    readonly secretRef?: { readonly name: string };
  }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly readinessProbe?: Probe;
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
};

export type EnvironmentVariable = {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: KeyReference;
    readonly configMapKeyRef?: KeyReference;
    readonly fieldRef?: { readonly fieldPath: string };
  };
};

type KeyReference = { readonly name: string; readonly key: string };

export type Volume = {
  readonly name: string;
  readonly secret?: FilesOf & { readonly secretName: string };
  readonly configMap?: FilesOf & { readonly name: string };
  readonly projected?: unknown;
};

type FilesOf = {
  readonly defaultMode?: number;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
};

export type PodTemplate = {
  readonly metadata?: { readonly labels?: Labels };
  readonly spec: {
    readonly containers: readonly Container[];
    readonly volumes?: readonly Volume[];
    readonly securityContext?: { readonly fsGroup?: number };
    readonly terminationGracePeriodSeconds?: number;
  };
};

export type Deployment = Manifest & {
  readonly spec: { readonly replicas?: number; readonly template: PodTemplate };
};
export type Job = Manifest & { readonly spec: { readonly template: PodTemplate } };

type PolicyRule = {
  readonly ports: readonly { readonly port: number | string; readonly protocol: string }[];
};
type NetworkPolicy = Manifest & {
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Labels };
    readonly ingress?: readonly PolicyRule[];
    readonly egress?: readonly PolicyRule[];
  };
};

/** What `helm template` or a file holds. */
export const parseManifests = (text: string): Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null) // what YAML holds is what its author says it is
    .filter((manifest) => manifest !== null);

/** The manifests of one installation, found by kind and name. */
export class Manifests {
  constructor(private readonly all: readonly Manifest[]) {}

  get deployments(): readonly Deployment[] {
    return this.of('Deployment') as readonly Deployment[];
  }

  get jobs(): readonly Job[] {
    return this.of('Job') as readonly Job[];
  }

  /** Which pods a Service reaches. */
  selectorOf(service: string): Labels {
    const found = this.of('Service').find(({ metadata }) => metadata.name === service);
    if (found === undefined) throw new Error(`there is no Service ${service}`);
    return (found.spec as { selector: Labels }).selector; // of every Service of ours
  }

  /** What the NetworkPolicies let a pod do by TCP. */
  allowed({ metadata, spec }: PodTemplate): Connections {
    const own = (this.of('NetworkPolicy') as readonly NetworkPolicy[]).filter(({ spec: { podSelector } }) =>
      Object.entries(podSelector.matchLabels).every(([label, value]) => metadata?.labels?.[label] === value),
    );
    const named = spec.containers.flatMap(({ ports = [] }) => ports);
    const numbers = (rules: readonly PolicyRule[]): number[] =>
      rules
        .flatMap(({ ports }) => ports)
        .filter(({ protocol }) => protocol === 'TCP')
        .flatMap(({ port }) =>
          typeof port === 'number'
            ? [port]
            : named.flatMap((one) => (one.name === port ? [one.containerPort] : [])),
        );
    return {
      to: numbers(own.flatMap((policy) => policy.spec.egress ?? [])),
      at: numbers(own.flatMap((policy) => policy.spec.ingress ?? [])),
    };
  }

  of(kind: string): readonly Manifest[] {
    return this.all.filter((manifest) => manifest.kind === kind);
  }

  /** Contents of a Secret or ConfigMap by key. Throws when there is none of that name, as a pod would not start. */
  contents(kind: 'Secret' | 'ConfigMap', name: string): ReadonlyMap<string, Buffer> {
    const found = this.of(kind).find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
    const encoding = kind === 'Secret' ? 'base64' : 'utf8';
    return new Map([
      ...Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value, encoding)] as const),
      ...Object.entries(found.stringData ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const),
    ]);
  }
}
