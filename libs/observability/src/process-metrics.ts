import { readFileSync } from 'node:fs';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

let registry: Registry | undefined;

/** They count from here on. */
export const startProcessMetrics = (): Registry => (registry ??= collect(new Registry()));

/** `process_*`, `nodejs_*` and `muster_build_info`: once for each process, however many apps it runs, so that sums are right. */
export const processMetrics = (service: string): Promise<string> => {
  const metrics = startProcessMetrics();
  metrics.setDefaultLabels({ service });
  return metrics.metrics();
};

const collect = (into: Registry): Registry => {
  collectDefaultMetrics({ register: into });
  new Gauge({
    name: 'muster_build_info',
    help: 'What runs: always 1, the labels say it',
    labelNames: ['version', 'node'],
    registers: [into],
  }).set({ version: versionOfMuster(), node: process.versions.node }, 1);
  return into;
};

/** All packages of the workspace have the same one. */
const versionOfMuster = (): string => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version; // npm has no package without
};
