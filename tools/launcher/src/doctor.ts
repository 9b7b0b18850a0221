import { Failure, readSecrets, readSettings, settingsOfRunning } from '@muster/local-servers';
import { applicationEnvironment, doctorProgram } from './applications.js';
import { runHere } from './run-here.js';
import { complain } from './terminal.js';

/**
 * `npm run doctor`: whether all is well with the muster that runs here, or with MUSTER_DATABASE_URL and MUSTER_NATS_URL there.
 * Changes nothing.
 */
export const doctor = async (root: string, flags: readonly string[]): Promise<number> => {
  try {
    if (flags.length > 0) throw new Failure('npm run doctor knows no flags.');
    const settings = readSettings(root, process.env);
    const running = settingsOfRunning(settings, ['database', 'nats']);
    if (running === null && settings.given.database === undefined)
      throw new Failure('No muster runs here.', [
        'Start it (npm start), or say where it is: MUSTER_DATABASE_URL',
      ]);
    const environment = applicationEnvironment(running ?? settings, readSecrets(settings.home));
    return await runHere(doctorProgram(settings), [], environment);
  } catch (error) {
    complain(error);
    return 1;
  }
};
