import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Container, EnvironmentVariable, Manifests, PodTemplate, Volume } from './manifests.js';

/** A pod that podman 4 can play: its Secrets and ConfigMaps laid out as files, as a kubelet does. */
export const podOf = (
  name: string,
  template: PodTemplate,
  manifests: Manifests,
  directory: string,
): object => {
  const { spec } = template;
  const group = spec.securityContext?.fsGroup;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: template.metadata?.labels },
    spec: {
      ...without(spec, UNKNOWN_OF_PODS),
      // A process that ends by itself stays visible, with its exit code.
      restartPolicy: 'Never',
      volumes: spec.volumes?.map((volume) => filesOf(volume, manifests, join(directory, name), group)),
      containers: spec.containers.map((container) => ({
        ...without(container, UNKNOWN_OF_CONTAINERS),
        resources: { limits: container.resources?.limits },
        env: environmentOf(container, manifests),
      })),
    },
  };
};

/** Of the scheduler and the API server, which are not here. */
const UNKNOWN_OF_PODS = [
  'topologySpreadConstraints',
  'serviceAccountName',
  'automountServiceAccountToken',
  'enableServiceLinks',
  'initContainers',
  'affinity',
  'nodeSelector',
  'tolerations',
  'priorityClassName',
  'imagePullSecrets',
];

/** podman 4 publishes `ports` on the host, wants systemd for probes and knows no requests; the runner does the probing. */
const UNKNOWN_OF_CONTAINERS = [
  'ports',
  'startupProbe',
  'livenessProbe',
  'readinessProbe',
  'lifecycle',
  'envFrom',
  'resources',
];

const without = (object: object, names: readonly string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

const environmentOf = (container: Container, manifests: Manifests): EnvironmentVariable[] => {
  const own = (container.env ?? []).flatMap(({ name, value, valueFrom }) => {
    if (valueFrom === undefined) return [{ name, value: value ?? '' }];
    const { secretKeyRef, configMapKeyRef } = valueFrom;
    if (secretKeyRef !== undefined) return [{ name, value: textOf(manifests, 'Secret', secretKeyRef) }];
    if (configMapKeyRef !== undefined)
      return [{ name, value: textOf(manifests, 'ConfigMap', configMapKeyRef) }];
    throw new Error(`${container.name}: the runner cannot give ${name} its value`);
  });
  const shared = (container.envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
    ...(configMapRef === undefined ? [] : manifests.contents('ConfigMap', configMapRef.name)),
    ...(secretRef === undefined ? [] : manifests.contents('Secret', secretRef.name)),
  ]);
  return [
    ...own,
    ...shared
      .filter(([name]) => !own.some((one) => one.name === name))
      .map(([name, value]) => ({ name, value: value.toString() })),
  ];
};

const textOf = (
  manifests: Manifests,
  kind: 'Secret' | 'ConfigMap',
  { name, key }: { readonly name: string; readonly key: string },
): string => {
  const value = manifests.contents(kind, name).get(key);
  if (value === undefined) throw new Error(`${kind} ${name} has no ${key}`);
  return value.toString();
};

const DEFAULT_MODE = 0o644;

const filesOf = (
  volume: Volume,
  manifests: Manifests,
  directory: string,
  group: number | undefined,
): object => {
  const { name, secret, configMap } = volume;
  const source = secret ?? configMap;
  if (source === undefined) return volume;
  const contents =
    secret === undefined
      ? manifests.contents('ConfigMap', configMap?.name ?? '')
      : manifests.contents('Secret', secret.secretName);
  const path = join(directory, name);
  for (const { key, path: file } of source.items ??
    [...contents.keys()].map((one) => ({ key: one, path: one }))) {
    const content = contents.get(key);
    if (content === undefined) throw new Error(`volume ${name}: there is no ${key}`);
    const target = join(path, file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    chownSync(target, 0, group ?? 0);
    chmodSync(target, source.defaultMode ?? DEFAULT_MODE);
  }
  return { name, hostPath: { path, type: 'Directory' } };
};
