/**
 * `node faults.mjs <path of tsc> < documents.json`: what is wrong with documents for Kubernetes, as a JSON list of sentences. Each against
 * the schema of its kind, and against its type for members that there are not, which the schemas let through.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const OWN_PACKAGES = {
  'keda.sh': '@kubernetes-models/keda',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'external-secrets.io': '@kubernetes-models/external-secrets',
  'postgresql.cnpg.io': '@kubernetes-models/cloudnative-pg',
};

const moduleOf = (apiVersion) => {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return [OWN_PACKAGES[group] ?? 'kubernetes-models', group, version].filter((part) => part !== '').join('/');
};

const nameOf = ({ kind, metadata }) => `${kind} ${metadata.name}`;

const faultOfSchema = async (document) => {
  let model;
  try {
    model = (await import(moduleOf(document.apiVersion)))[document.kind];
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
  }
  if (model === undefined) return [`${nameOf(document)}: there is no schema of ${document.apiVersion}`];
  try {
    new model(document).validate();
    return [];
  } catch (error) {
    return [`${nameOf(document)}: ${error.message}`];
  }
};

/** A line a document, so that the compiler's line says which one it means. */
const faultsOfTypes = (documents, tsc) => {
  const file = join(import.meta.dirname, `documents-${process.pid}.ts`);
  const line = (document) =>
    `(${JSON.stringify(document)}) satisfies import('${moduleOf(document.apiVersion)}').I${document.kind};`;
  writeFileSync(file, `${documents.map(line).join('\n')}\n`);
  try {
    const flags = [
      '--noEmit',
      '--ignoreConfig',
      '--skipLibCheck',
      '--strict',
      '--target',
      'es2023',
      '--types',
      '',
    ];
    const module = ['--module', 'nodenext', '--moduleResolution', 'nodenext'];
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...flags, ...module, file], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    const faults = Array.from(stdout.matchAll(/\.ts\((\d+),\d+\): error (.*)$/gm), ([, number, error]) => {
      const document = documents[Number(number) - 1];
      return `${document === undefined ? 'a document' : nameOf(document)}: ${error}`;
    });
    return status === 0 || faults.length > 0 ? faults : [`the compiler: ${stdout}`];
  } finally {
    rmSync(file);
  }
};

const documents = JSON.parse(readFileSync(0, 'utf8'));
const ofSchemas = (await Promise.all(documents.map(faultOfSchema))).flat();
process.stdout.write(JSON.stringify([...ofSchemas, ...faultsOfTypes(documents, process.argv[2])]));
