/** Of what the chart renders, as much as the specs look at. */
export type Labels = Readonly<Record<string, string>>;

export interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: object;
  readonly resources: { readonly requests: Labels; readonly limits: Labels };
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

interface Probe {
  readonly httpGet: object;
}

export interface PodSpec {
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly name: string }[];
  readonly terminationGracePeriodSeconds: number;
  readonly nodeSelector?: Labels;
  readonly tolerations?: readonly object[];
  readonly priorityClassName?: string;
  readonly topologySpreadConstraints: readonly {
    readonly topologyKey: string;
    readonly labelSelector: Selector;
  }[];
}

interface Selector {
  readonly matchLabels: Labels;
}

interface PodTemplate {
  readonly metadata: { readonly labels: Labels };
  readonly spec: PodSpec;
}

export interface PolicyRule {
  readonly ports: readonly { readonly port: string | number; readonly protocol: string }[];
  readonly from?: readonly object[];
  readonly to?: readonly object[];
}

interface Scaled {
  readonly scaleTargetRef: { readonly name: string };
}

/** The spec of each kind. */
export interface Kinds {
  readonly Deployment: {
    readonly replicas?: number;
    readonly strategy: { readonly rollingUpdate: object };
    readonly selector: Selector;
    readonly template: PodTemplate;
  };
  readonly Job: { readonly template: PodTemplate };
  readonly CronJob: {
    readonly suspend: boolean;
    readonly jobTemplate: { readonly spec: { readonly template: PodTemplate } };
  };
  readonly Service: {
    readonly selector: Labels;
    readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[];
  };
  readonly PodDisruptionBudget: { readonly selector: Selector };
  readonly NetworkPolicy: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly PolicyRule[];
    readonly egress?: readonly PolicyRule[];
  };
  readonly HorizontalPodAutoscaler: Scaled;
  readonly ScaledObject: Scaled;
  readonly ServiceMonitor: {
    readonly selector: Selector;
    readonly endpoints: readonly { readonly port: string }[];
  };
  readonly PrometheusRule: {
    readonly groups: readonly {
      readonly name: string;
      readonly rules: readonly {
        readonly alert: string;
        readonly expr: string;
        readonly annotations: Labels;
      }[];
    }[];
  };
}

export interface Resource<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels; readonly annotations?: Labels };
  readonly spec: Spec;
  readonly data?: Labels;
}

export const ofKind = <Kind extends keyof Kinds>(
  resources: readonly Resource[],
  kind: Kind,
): readonly Resource<Kinds[Kind]>[] =>
  resources.filter((resource) => resource.kind === kind) as Resource<Kinds[Kind]>[];

export const named = <Kind extends keyof Kinds>(
  resources: readonly Resource[],
  kind: Kind,
  name: string,
): Resource<Kinds[Kind]> => {
  const found = ofKind(resources, kind).find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};

export interface Pod {
  readonly of: string;
  readonly labels: Labels;
  readonly spec: PodSpec;
}

/** The pods that Deployments, Jobs and CronJobs make. */
export const podsOf = (resources: readonly Resource[]): readonly Pod[] => {
  const templates: (readonly [string, PodTemplate])[] = [
    ...ofKind(resources, 'Deployment').map(({ metadata, spec }) => [metadata.name, spec.template] as const),
    ...ofKind(resources, 'Job').map(({ metadata, spec }) => [metadata.name, spec.template] as const),
    ...ofKind(resources, 'CronJob').map(
      ({ metadata, spec }) => [metadata.name, spec.jobTemplate.spec.template] as const,
    ),
  ];
  return templates.map(([of, { metadata, spec }]) => ({ of, labels: metadata.labels, spec }));
};

export const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);

export const variable = ({ env }: Container, name: string): string | undefined =>
  env.find((one) => one.name === name)?.value;
