import { expect, it } from '@jest/globals';
import { CI_VALUES, describeWithHelm, lint, render } from './helm.fixture.js';
import { named, ofKind, podsOf, selects, variable, type Resource } from './manifests.fixture.js';

describeWithHelm.each(CI_VALUES)('the chart with ci/%s-values.yaml', (values) => {
  const resources = render(values);
  const pods = podsOf(resources);
  const deployed = ofKind(resources, 'Deployment');

  it('passes Helm’s own lint', () => {
    expect(lint(values)).toBe('');
  });

  it('has each resource once, and no Secret', () => {
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names).toEqual([...new Set(names)]);
    expect(names.filter((name) => name.startsWith('Secret '))).toEqual([]);
  });

  it('runs every pod as the level “restricted” demands', () => {
    for (const { of, spec } of pods) {
      expect({ of, ...spec }).toMatchObject({
        of,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) expect(spec).not.toHaveProperty(key);
      expect(spec.containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      const kinds = spec.volumes.flatMap((volume) => Object.keys(volume)).filter((key) => key !== 'name');
      expect(['emptyDir', 'secret', 'configMap', 'persistentVolumeClaim']).toEqual(
        expect.arrayContaining([...new Set(kinds)]),
      );
    }
  });

  it('says what every pod needs, and bounds its memory, not its processor time', () => {
    for (const { spec } of pods) {
      const { requests, limits } = spec.containers[0].resources;
      expect(Object.keys(requests).sort()).toEqual(['cpu', 'memory']);
      expect(Object.keys(limits)).toEqual(['memory']);
    }
  });

  it('mounts each volume, and gives each variable once, no password among them', () => {
    for (const { spec } of pods) {
      const { volumeMounts, env } = spec.containers[0];
      expect(volumeMounts.map(({ name }) => name)).toEqual(spec.volumes.map(({ name }) => name));
      const names = env.map(({ name }) => name);
      expect(names).toEqual([...new Set(names)]);
      for (const { value } of env) expect(value ?? '').not.toMatch(/:\/\/[^/]*:[^/]*@/);
    }
  });

  it('asks every service whether it is alive and ready, and gives it time to go', () => {
    for (const { spec } of deployed) {
      const { containers, terminationGracePeriodSeconds } = spec.template.spec;
      const [container] = containers;
      const live = { path: '/health/live', port: 'ops' };
      expect(container).toMatchObject({
        startupProbe: { httpGet: live },
        livenessProbe: { httpGet: live },
        readinessProbe: { httpGet: { path: '/health/ready', port: 'ops' } },
      });
      expect(variable(container, 'MUSTER_OPS_PORT')).toBe(String(portOf(container.ports, 'ops')));
      const stop = Number(variable(container, 'MUSTER_STOP_SECONDS'));
      expect(stop).toBeGreaterThan(Number(variable(container, 'MUSTER_MQTT_DRAIN_SECONDS') ?? 0));
      expect(terminationGracePeriodSeconds).toBeGreaterThan(container.lifecycle.preStop.sleep.seconds + stop);
    }
  });

  it('replaces and spreads every service without a gap', () => {
    for (const { metadata, spec } of deployed) {
      const { labels } = spec.template.metadata;
      expect(selects(spec.selector.matchLabels, labels)).toBe(true);
      expect(spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
      const spread = spec.template.spec.topologySpreadConstraints;
      expect(spread.map(({ topologyKey }) => topologyKey)).toEqual([
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
      ]);
      expect(spread.every(({ labelSelector }) => selects(labelSelector.matchLabels, labels))).toBe(true);
      const budget = named(resources, 'PodDisruptionBudget', metadata.name).spec;
      expect(budget).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
      const held = pods.filter((pod) => selects(budget.selector.matchLabels, pod.labels));
      expect(held.map(({ of }) => of)).toEqual([metadata.name]);
    }
  });

  it('has services whose ports are named, say their protocol, and lead to pods that listen there', () => {
    for (const { spec } of ofKind(resources, 'Service')) {
      const [target, ...others] = pods.filter(({ labels }) => selects(spec.selector, labels));
      expect(others).toEqual([]);
      for (const port of spec.ports) {
        expect(port).toMatchObject({ protocol: 'TCP' });
        expect(port.name).not.toBe('');
        expect(target?.spec.containers[0].ports.map(({ name }) => name)).toContain(port.targetPort);
      }
    }
  });

  it('runs jobs where services run', () => {
    const places = pods.map(({ spec }) => [spec.nodeSelector, spec.tolerations, spec.priorityClassName]);
    const [first] = places;
    for (const place of places) expect(place).toEqual(first);
    if (values === 'everything') expect(first).not.toContain(undefined);
  });

  it('leaves the number of pods to the autoscaler where there is one', () => {
    const scaled = [...ofKind(resources, 'HorizontalPodAutoscaler'), ...ofKind(resources, 'ScaledObject')];
    expect([0, deployed.length]).toContain(scaled.length);
    for (const { spec } of scaled)
      expect(named(resources, 'Deployment', spec.scaleTargetRef.name).spec.replicas).toBeUndefined();
    for (const { spec } of scaled.length === 0 ? deployed : []) expect(spec.replicas).toBe(2);
  });

  it('migrates with nothing that the chart makes', () => {
    const hooks = podsOf(ofKind(resources, 'Job').filter(isHook));
    const made = resources.filter(({ kind }) => ['ConfigMap', 'PersistentVolumeClaim'].includes(kind));
    for (const { spec } of hooks) {
      expect(spec).not.toHaveProperty('serviceAccountName');
      const references = JSON.stringify([spec.volumes, spec.containers[0].env]);
      for (const { metadata } of made) expect(references).not.toContain(`"${metadata.name}"`);
    }
    expect(hooks).toHaveLength(values === 'ingress' ? 0 : 1);
  });
});

const isHook = ({ metadata }: Resource): boolean => metadata.annotations?.['helm.sh/hook'] !== undefined;

const portOf = (ports: readonly { readonly name: string; readonly containerPort: number }[], name: string) =>
  ports.find((port) => port.name === name)?.containerPort;
