import {
  bringUpPostgres,
  explainMissing,
  type Instance,
  openInstance,
  readSecrets,
  readSettings,
  settingsOfRunning,
} from '@muster/local-servers';
import { applicationEnvironment, rebuildProgram } from './applications.js';
import { migrateDatabase } from './migrate-database.js';
import { complain, onStopSignals, say } from './terminal.js';
import { runHere } from './run-here.js';

/**
 * `npm run rebuild -- <service>.<what>…`: makes again what is made from events. Of the muster that runs here, or with
 * MUSTER_DATABASE_URL there; else in the private database, started for the purpose.
 */
export const rebuild = async (root: string, names: readonly string[]): Promise<number> => {
  let instance: Instance | undefined;
  try {
    const settings = readSettings(root, process.env);
    const running = settingsOfRunning(settings, ['database', 'nats']);
    const run = (): Promise<number> => {
      const environment = applicationEnvironment(running ?? settings, readSecrets(settings.home));
      return runHere(rebuildProgram(settings), names, environment);
    };
    // A list of what there is needs no database.
    if (running !== null || settings.given.database !== undefined || names.length === 0) return await run();
    const opened = await openInstance(settings, say);
    instance = opened;
    onStopSignals(
      () => void opened.stop(),
      () => opened.killAll(),
    );
    await bringUpPostgres(opened);
    await migrateDatabase(opened);
    return await run();
  } catch (error) {
    complain(explainMissing(error));
    return 1;
  } finally {
    await instance?.stop();
  }
};
