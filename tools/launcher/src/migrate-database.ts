import { openSync, closeSync, fstatSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Failure, type Instance, logTail, MARK_INSTANCE, MARK_SERVER, seconds } from '@muster/local-servers';
import { applicationEnvironment, migrationProgram } from './applications.js';

/** Creates and changes the tables. Safe to run twice; its output is in .muster/log/migrate.log. */
export const migrateDatabase = async ({ settings, secrets, signal, say }: Instance): Promise<void> => {
  const began = Date.now();
  const logFile = join(settings.home, 'log', 'migrate.log');
  const program = migrationProgram(settings);
  const log = openSync(logFile, 'a', 0o600);
  const from = fstatSync(log).size;
  const child = spawn(process.execPath, ['--enable-source-maps', program], {
    cwd: settings.root,
    env: {
      ...applicationEnvironment(settings, secrets),
      [MARK_INSTANCE]: settings.home,
      [MARK_SERVER]: 'migrate',
    },
    stdio: ['ignore', log, log],
    detached: true, // the terminal's Ctrl-C must not break it between two statements' outcome and its report
  });
  closeSync(log);
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) {
      throw new Failure('The migrations of the database failed.', [
        'The end of their log:',
        ...logTail(logFile, from)
          .trim()
          .slice(-1_000)
          .split('\n')
          .map((line) => `  ${line}`),
        `The whole log: ${logFile}`,
      ]);
    }
    say(`Database migrated (${seconds(began)})`);
  } finally {
    signal.removeEventListener('abort', end);
  }
};
