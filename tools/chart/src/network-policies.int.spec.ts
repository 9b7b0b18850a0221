import { expect, it } from '@jest/globals';
import { CI_VALUES, describeWithHelm, render } from './helm.fixture.js';
import { ofKind, podsOf, selects, type Pod, type PolicyRule } from './manifests.fixture.js';

/** By the variable that a process connects with: the ports that it needs. */
const NEEDS: Readonly<Record<string, readonly number[]>> = {
  MUSTER_NATS_URL: [4222],
  MUSTER_DATABASE_URL: [5432],
  MUSTER_AMQP_URL: [5672],
  MUSTER_BROKER_MQTT_URL: [1883],
  MUSTER_FILES_S3_REGION: [443],
  // Azure IoT Hub: HTTPS and AMQP over TLS.
  MUSTER_SEALING_KEY_FILE: [443, 5671],
};
/** By the variable that opens a door, and the address at which it is open to others. */
const DOORS: Readonly<Record<string, string>> = {
  MUSTER_OPS_HOST: 'ops',
  MUSTER_GATEWAY_HOST: 'http',
  MUSTER_HTTP_DEVICES_HOST: 'http',
  MUSTER_MQTT_HOST: 'mqtt',
};

const portsOf = (rules: readonly PolicyRule[] = []): (string | number)[] => [
  ...new Set(rules.flatMap(({ ports }) => ports.map(({ port }) => port))),
];

const neededBy = ({ spec }: Pod): number[] => [
  53,
  ...spec.containers[0].env.flatMap(({ name }) => NEEDS[name] ?? []),
];

const openAt = ({ spec }: Pod): string[] =>
  spec.containers[0].env.flatMap(({ name, value }) => {
    // It listens for TLS when it has a certificate.
    if (name === 'MUSTER_MQTT_TLS_CERTIFICATE_FILE') return ['mqtts'];
    return name in DOORS && value === '0.0.0.0' ? [DOORS[name] ?? ''] : [];
  });

describeWithHelm.each(CI_VALUES)('the NetworkPolicies with ci/%s-values.yaml', (values) => {
  const resources = render(values);
  const pods = podsOf(resources);
  const policies = ofKind(resources, 'NetworkPolicy');
  const ofPod = (pod: Pod) =>
    policies.filter(({ spec }) => selects(spec.podSelector.matchLabels, pod.labels));

  it('refuse every pod everything, and allow it what its environment connects to and opens, no more', () => {
    for (const pod of pods) {
      const [none, own, ...others] = ofPod(pod);
      expect(none?.spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'] });
      expect([none?.spec.ingress, none?.spec.egress, ...others]).toEqual([undefined, undefined]);
      expect({ of: pod.of, egress: portsOf(own?.spec.egress).sort() }).toEqual({
        of: pod.of,
        egress: neededBy(pod).sort(),
      });
      expect({ of: pod.of, ingress: portsOf(own?.spec.ingress).sort() }).toEqual({
        of: pod.of,
        ingress: openAt(pod).sort(),
      });
    }
  });

  it('let the operations port be read by monitoring alone', () => {
    const rules = policies.flatMap(({ spec }) => spec.ingress ?? []);
    for (const { ports, from } of rules)
      if (ports.some(({ port }) => port === 'ops')) expect(from).not.toHaveLength(0);
  });

  it('say the protocol of every port', () => {
    const rules = policies.flatMap(({ spec }) => [...(spec.ingress ?? []), ...(spec.egress ?? [])]);
    for (const { ports } of rules)
      for (const { protocol } of ports) expect(['TCP', 'UDP']).toContain(protocol);
  });

  it('select none but pods that there are', () => {
    for (const { metadata, spec } of policies) {
      const found = pods.some(({ labels }) => selects(spec.podSelector.matchLabels, labels));
      expect({ policy: metadata.name, found }).toEqual({ policy: metadata.name, found: true });
    }
  });
});
