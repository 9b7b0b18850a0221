import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe } from '@jest/globals';
import { chartTools } from '@muster/testing';
import { parseAllDocuments } from 'yaml';
import type { Resource } from './manifests.fixture.js';
import { CHART } from './places.js';

/** The run's Helm. Where there is none, `describeWithHelm` skips. */
export const helm = chartTools().helm ?? '';
export const describeWithHelm: typeof describe.skip = helm === '' ? describe.skip : describe;

/** The files of values for which the chart is held to its rules, by name. */
export const CI_VALUES: readonly string[] = readdirSync(join(CHART, 'ci')).map((file) =>
  basename(file, '-values.yaml'),
);

const run = (command: readonly string[], values: string, flags: readonly string[]) =>
  spawnSync(
    helm,
    [
      ...[...command, CHART, '--values', join(CHART, 'ci', `${values}-values.yaml`)],
      ...flags.flatMap((flag) => ['--set', flag]),
    ],
    { encoding: 'utf8', maxBuffer: 100_000_000 },
  );

/** What the chart renders with a file of ci/ and `--set` flags. Throws with what Helm says. */
export const render = (values: string, ...flags: readonly string[]): readonly Resource[] => {
  if (helm === '') return [];
  const { status, stdout, stderr } = run(['template', 'muster', '--namespace', 'fleet'], values, flags);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Resource | null)
    .filter((resource) => resource !== null);
};

/** What Helm answers to values that the chart refuses; `''` when it takes them. */
export const refusal = (values: string, ...flags: readonly string[]): string =>
  refusalOf('muster', values, ...flags);

/** The same of a release of that name. */
export const refusalOf = (release: string, values: string, ...flags: readonly string[]): string => {
  const { status, stderr } = run(['template', release], values, flags);
  return status === 0 ? '' : stderr;
};

/** What Helm's own lint finds; `''` for nothing. */
export const lint = (values: string): string => {
  const { status, stdout, stderr } = run(['lint', '--strict'], values, []);
  return status === 0 ? '' : stdout + stderr;
};
