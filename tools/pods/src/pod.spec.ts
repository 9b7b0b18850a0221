import { describe, expect, it } from '@jest/globals';
import { Manifests, parseManifests } from './manifests.js';
import { podOf } from './pod.js';

const manifests = new Manifests(
  parseManifests(`
apiVersion: v1
kind: Secret
metadata: { name: database }
data: { url: cG9zdGdyZXM6Ly9h }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: shared }
data: { LEVEL: debug, OWN: shared }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: telemetry }
spec:
  template:
    metadata: { labels: { app: telemetry } }
    spec:
      enableServiceLinks: false
      securityContext: { runAsUser: 1000 }
      containers:
        - name: telemetry
          image: muster
          ports: [{ name: ops, containerPort: 9090 }]
          readinessProbe: { httpGet: { path: /health/ready, port: ops } }
          resources: { requests: { cpu: 100m }, limits: { memory: 512Mi } }
          envFrom: [{ configMapRef: { name: shared } }]
          env:
            - { name: OWN, value: mine }
            - { name: URL, valueFrom: { secretKeyRef: { name: database, key: url } } }
`),
);
const template = manifests.deployments[0]!.spec.template;
const pod = () => podOf('telemetry-1', template, manifests, '/nowhere');

describe('a pod for podman', () => {
  it('has its Secrets and ConfigMaps as values, its own before those of all', () => {
    const [container] = (pod() as { spec: { containers: { env: object[] }[] } }).spec.containers;
    expect(container?.env).toEqual([
      { name: 'OWN', value: 'mine' },
      { name: 'URL', value: 'postgres://a' },
      { name: 'LEVEL', value: 'debug' },
    ]);
  });

  it('keeps its user and its limits, and has nothing of what podman takes amiss', () => {
    expect(pod()).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'telemetry-1', labels: { app: 'telemetry' } },
      spec: {
        restartPolicy: 'Never',
        securityContext: { runAsUser: 1000 },
        containers: [
          {
            name: 'telemetry',
            image: 'muster',
            resources: { limits: { memory: '512Mi' } },
            env: expect.any(Array),
          },
        ],
      },
    });
  });

  it('is refused where a Secret or its key is missing, as its container would not start', () => {
    const wanting = (name: string, key: string) => ({
      spec: {
        containers: [{ name: 'c', env: [{ name: 'URL', valueFrom: { secretKeyRef: { name, key } } }] }],
      },
    });
    const refused = (name: string, key: string) => () =>
      podOf('p', wanting(name, key), manifests, '/nowhere');
    expect(refused('nobody', 'url')).toThrow('there is no Secret nobody');
    expect(refused('database', 'password')).toThrow('Secret database has no password');
  });
});
