import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { chartTools } from '@muster/testing';
import { parse } from 'yaml';
import { describeWithHelm, render } from './helm.fixture.js';
import { ofKind, selects, type Kinds } from './manifests.fixture.js';
import { CHART, ROOT } from './places.js';
import { readServiceFacts } from './service-facts.js';

const alertsFile = join(CHART, 'files/alerts.yaml');
const { groups } = parse(readFileSync(alertsFile, 'utf8')) as Kinds['PrometheusRule'];
const alerts = groups.flatMap(({ rules }) => rules);
const promtool = chartTools().promtool ?? '';

describe('alerts and dashboards', () => {
  const dashboards = readdirSync(join(CHART, 'files/dashboards')).map((file) =>
    readFileSync(join(CHART, 'files/dashboards', file), 'utf8'),
  );
  const sources = ['apps', 'libs'].flatMap((group) =>
    readdirSync(join(ROOT, group)).flatMap((project) => sourcesBelow(join(ROOT, group, project, 'src'))),
  );
  const code = sources.map((file) => readFileSync(file, 'utf8')).join('\n');

  it('ask for metrics that the services have', () => {
    const asked = [...alerts.map(({ expr }) => expr), ...dashboards].flatMap((text) =>
      Array.from(text.matchAll(/\bmuster_\w+/g), ([name]) => name),
    );
    for (const name of new Set(asked)) {
      const metric = name.replace(/_(bucket|count)$/, '');
      // One name by door.
      const declared = metric.replace('muster_mqtt_pushes', 'muster_${parts.wire.interface}_pushes');
      expect({ metric, isKnown: code.includes(`${declared}'`) || code.includes(`${declared}\``) }).toEqual({
        metric,
        isKnown: true,
      });
    }
  });

  it('miss a service when there is one less than there are', () => {
    const missing = alerts.find(({ alert }) => alert === 'MusterServiceMissing');
    expect(missing?.expr).toContain(`< ${Object.keys(readServiceFacts()).length})`);
  });

  it('have a runbook each, in docs/operating.md', () => {
    const headings = Array.from(
      readFileSync(join(ROOT, 'docs/operating.md'), 'utf8').matchAll(/^### (Muster\w+)$/gm),
      ([, name]) => name,
    );
    expect(headings.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });
});

(promtool === '' ? describe.skip : describe)('promtool', () => {
  it.each([
    ['check', alertsFile],
    ['test', join(ROOT, 'tools/chart/alerts.test.yaml')],
  ])('%s rules', (what, file) => {
    const { status, stdout, stderr } = spawnSync(promtool, [what, 'rules', file], { encoding: 'utf8' });
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});

describeWithHelm('monitoring in the chart', () => {
  const resources = render('everything');

  it('is off where the operators may be missing', () => {
    const kinds = new Set(render('minimal').map(({ kind }) => kind));
    for (const kind of ['ServiceMonitor', 'PrometheusRule', 'ScaledObject', 'HTTPRoute', 'TLSRoute'])
      expect([...kinds]).not.toContain(kind);
  });

  it('reads the operations port of each service once', () => {
    const [monitor] = ofKind(resources, 'ServiceMonitor');
    const found = ofKind(resources, 'Service').filter(
      ({ metadata, spec }) =>
        selects(monitor?.spec.selector.matchLabels ?? {}, metadata.labels ?? {}) &&
        spec.ports.some(({ name }) => name === 'ops'),
    );
    expect(found).toHaveLength(ofKind(resources, 'Deployment').length);
  });

  it('misses no service that is turned off', () => {
    const [rules] = ofKind(render('everything', 'services.iothub-adapter.replicas=0'), 'PrometheusRule');
    const missing = rules?.spec.groups[0]?.rules.find(({ alert }) => alert === 'MusterServiceMissing');
    expect(missing?.expr).toContain(`< ${Object.keys(readServiceFacts()).length - 1})`);
  });

  it('links each alert to its runbook', () => {
    const rules = ofKind(resources, 'PrometheusRule').flatMap(({ spec }) =>
      spec.groups.flatMap((group) => group.rules),
    );
    expect(rules.map(({ annotations }) => annotations['runbook_url'])).toEqual(
      alerts.map(({ alert }) => `https://docs.example.com/muster/operating.html#${alert.toLowerCase()}`),
    );
  });
});

function sourcesBelow(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
      .map((file) => join(directory, file));
  } catch {
    return []; // the console's part has no such folder, or a project is new
  }
}
