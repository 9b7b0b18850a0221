import {
  bringUpPostgres,
  explainMissing,
  Failure,
  type Instance,
  openInstance,
  readSettings,
} from '@muster/local-servers';
import { migrateDatabase } from './migrate-database.js';
import { complain, onStopSignals, say } from './terminal.js';

/**
 * `npm run migrate`: brings the database to the newest shape and leaves. With
 * MUSTER_DATABASE_URL that one; else the private one, started for the purpose.
 */
export const migrate = async (root: string, flags: readonly string[]): Promise<number> => {
  let instance: Instance | undefined;
  try {
    if (flags.length > 0) throw new Failure('npm run migrate knows no flags.');
    const opened = await openInstance(readSettings(root, process.env), say);
    instance = opened;
    onStopSignals(
      () => void opened.stop(),
      () => opened.killAll(),
    );
    await bringUpPostgres(opened);
    await migrateDatabase(opened);
    return 0;
  } catch (error) {
    complain(explainMissing(error));
    return 1;
  } finally {
    await instance?.stop();
  }
};
