import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SERVICES } from '@muster/launcher';
import { say } from './platform.js';

export interface OldVersion {
  readonly commit: string;
  /** Its subject and date. */
  readonly words: string;
  /** Its checkout, built. */
  readonly root: string;
  readonly services: readonly string[];
}

/** BENCH_FROM, else the newest tag before this commit, else the commit before it. */
const NAMED = process.env['BENCH_FROM'] ?? '';

/**
 * A version from git, with its own packages, built; beside this checkout, in the directory for temporary files, where the
 * next drill finds it again.
 */
export const oldVersion = (): OldVersion => {
  // This commit may be tagged itself.
  const name = NAMED || tryGit(['describe', '--tags', '--abbrev=0', 'HEAD~1']) || 'HEAD~1';
  const commit = git(['rev-parse', '--short=12', `${name}^{commit}`]);
  const root = join(tmpdir(), `muster-version-${commit}`);
  if (!existsSync(join(root, BUILT))) {
    say(`${name} (${commit}) is built in ${root}, which takes minutes …`);
    const unfinished = `${root}.new`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished);
    const archive = spawnSync('git', ['archive', commit], { maxBuffer: 1e9 });
    if (archive.status !== 0) throw new Error(`git archive ${commit} failed: ${archive.stderr.toString()}`);
    run('tar', ['-x', '-C', unfinished], { input: archive.stdout });
    run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: unfinished });
    run(process.execPath, [join('node_modules/ts7/bin/tsc'), '-b'], { cwd: unfinished });
    rmSync(root, { recursive: true, force: true });
    renameSync(unfinished, root);
  }
  const words = git(['log', '-1', '--format=%s, %ad', '--date=short', commit]);
  const services = SERVICES.filter((service) => existsSync(join(root, 'apps', service, 'dist/src/main.js')));
  return { commit, words, root, services };
};

const BUILT = 'apps/all-in-one/dist/src/migrate.js';

const git = (args: readonly string[]): string => run('git', args).trim();

const tryGit = (args: readonly string[]): string =>
  spawnSync('git', args, { encoding: 'utf8' }).stdout.trim();

const run = (
  command: string,
  args: readonly string[],
  { cwd = resolve('.'), input }: { readonly cwd?: string; readonly input?: Buffer } = {},
): string => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    ...{ cwd, input, encoding: 'utf8', maxBuffer: 1e9 },
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed: ${stderr.slice(-2_000)}${stdout.slice(-2_000)}`);
};
