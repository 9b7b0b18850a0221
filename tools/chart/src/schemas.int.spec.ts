import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { chartTools } from '@muster/testing';
import { parseAllDocuments } from 'yaml';
import { CI_VALUES, helm, render } from './helm.fixture.js';
import { infrastructure } from './infrastructure.js';
import { ROOT } from './places.js';

const models = chartTools().kubernetesModels ?? '';
const describeWithSchemas = helm === '' || models === '' ? describe.skip : describe;

const faultsOf = (documents: readonly unknown[]): readonly string[] => {
  const tsc = join(ROOT, 'node_modules/ts7/bin/tsc');
  const input = JSON.stringify(documents);
  return JSON.parse(
    execFileSync(process.execPath, [join(models, 'faults.mjs'), tsc], { input, encoding: 'utf8' }),
  ) as string[];
};

describeWithSchemas('what Kubernetes knows', () => {
  it('is all that the chart renders', () => {
    expect(faultsOf(CI_VALUES.flatMap((values) => render(values)))).toEqual([]);
  }, 120_000);

  it('is all that deploy/kubernetes has, but for RabbitMQ, of which there is no schema', () => {
    const files = Object.entries(infrastructure()).filter(([name]) => !/values|rabbitmq/.test(name));
    const documents = files.flatMap(([, text]) =>
      parseAllDocuments(text).map((document) => document.toJS() as unknown),
    );
    expect(documents).toHaveLength(10);
    expect(faultsOf(documents)).toEqual([]);
  }, 120_000);

  it('is not a wrong value, nor a member that there is not', () => {
    const [policy] = render('minimal').filter(({ kind }) => kind === 'NetworkPolicy');
    const faults = faultsOf([
      { ...policy, spec: { podSelector: {}, policyTypes: 'Ingress' } },
      { ...policy, spec: { podSelector: {}, policyType: ['Ingress'] } },
    ]);
    expect(faults.join('\n')).toContain('policyTypes');
    expect(faults.join('\n')).toContain(`'"policyType"' does not exist`);
  }, 120_000);
});
