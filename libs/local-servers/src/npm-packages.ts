import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from './failure.js';
import { runCommand } from './run-command.js';

/**
 * Programs and data that npm's registry has and only few specs need: too large for the packages that every `npm ci` installs. Each
 * is a folder below libs/local-servers/packages with a lock of its own, by which npm checks what it downloads.
 */
export type NpmPackageSet = {
  readonly name: 'helm' | 'kubernetes-models';
  /** What is left to do in the tree when npm is done; it is thrown away if that fails. */
  readonly finish?: (tree: string) => Promise<void>;
};

/** From dist/src. */
const PACKAGES = join(import.meta.dirname, '../../packages');

/** Resolves with a copy of the folder that npm has filled, another one when anything in the folder is another. Rejects with a sentence of what npm answered. */
export const fetchNpmPackages = async (
  { name, finish }: NpmPackageSet,
  servers: string,
  signal?: AbortSignal,
): Promise<string> => {
  const wanted = join(PACKAGES, name);
  const tree = join(servers, `${name}-${fingerprintOf(wanted)}`);
  if (existsSync(tree)) return tree;
  const temporary = `${tree}.${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(servers, { recursive: true, mode: 0o755 });
    await cp(wanted, temporary, { recursive: true });
    await npmCi(name, temporary, signal);
    await finish?.(temporary);
    await rename(temporary, tree).catch((error: unknown) => {
      if (!existsSync(tree)) throw error; // else another run was faster
    });
    return tree;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
};

const fingerprintOf = (directory: string): string => {
  const hash = createHash('sha256');
  for (const file of readdirSync(directory).sort()) hash.update(readFileSync(join(directory, file)));
  return hash.digest('hex').slice(0, 8);
};

const npmCi = async (name: string, directory: string, signal: AbortSignal | undefined): Promise<void> => {
  const flags = ['--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund'];
  try {
    const { code, stderr } = await runCommand('npm', ['ci', ...flags], {
      cwd: directory,
      env: process.env,
      timeoutMs: 300_000,
      signal,
    });
    if (code === 0) return;
    const reason = /^npm error (?!code )(.*)$/m.exec(stderr)?.[1] ?? 'no reason';
    throw new Failure(`npm could not install ${name}: ${reason.slice(0, 200)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Failure('this system has no npm');
    throw error;
  }
};
