import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface AuthorityFiles {
  /** Its certificate. */
  readonly pem: string;
  /** What the commands of the console print, where `ca.pem` and `ca.key` are the authority's. */
  readonly obey: (commands: string) => Promise<string>;
  readonly remove: () => Promise<void>;
}

/** An authority as somebody has it who makes devices. */
export const makeAuthority = async (name: string): Promise<AuthorityFiles> => {
  const cwd = await mkdtemp(join(tmpdir(), 'muster-authority-'));
  await run(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
      ...['-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE'],
      ...['-addext', 'keyUsage=critical,keyCertSign', '-keyout', 'ca.key', '-out', 'ca.pem'],
    ],
    { cwd },
  );
  return {
    pem: await readFile(join(cwd, 'ca.pem'), 'utf8'),
    obey: async (commands) => (await run('sh', ['-ec', commands], { cwd })).stdout,
    remove: () => rm(cwd, { recursive: true }),
  };
};
