import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  bringUpPostgres,
  explainMissing,
  type Instance,
  lockHolder,
  openInstance,
  readSecrets,
  readSettings,
  type Secrets,
  type Settings,
} from '@muster/local-servers';
import { applicationEnvironment, rebuildProgram } from './applications.js';
import { migrateDatabase } from './migrate-database.js';
import { complain, onStopSignals, say } from './terminal.js';

/**
 * `npm run rebuild -- <service>.<what>…`: makes again what is made from events. With MUSTER_DATABASE_URL there; else in
 * the private database, whether muster runs here or not.
 */
export const rebuild = async (root: string, names: readonly string[]): Promise<number> => {
  let instance: Instance | undefined;
  try {
    const settings = readSettings(root, process.env);
    const elsewhere = settings.given.database !== undefined || lockHolder(settings.home) !== null;
    // A list of what there is needs no database.
    if (elsewhere || names.length === 0) return await run(settings, readSecrets(settings.home), names);
    const opened = await openInstance(settings, say);
    instance = opened;
    onStopSignals(
      () => void opened.stop(),
      () => opened.killAll(),
    );
    await bringUpPostgres(opened);
    await migrateDatabase(opened);
    return await run(settings, opened.secrets, names);
  } catch (error) {
    complain(explainMissing(error));
    return 1;
  } finally {
    await instance?.stop();
  }
};

/** In this terminal: Ctrl-C ends it between two batches, or undoes the one transaction. */
const run = async (settings: Settings, secrets: Secrets, names: readonly string[]): Promise<number> => {
  const child = spawn(process.execPath, ['--enable-source-maps', rebuildProgram(settings), ...names], {
    cwd: settings.root,
    env: applicationEnvironment(settings, secrets),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
};
