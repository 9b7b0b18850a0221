import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where netavark keeps the names of containers, those of every podman of the machine: podman 4 lets nobody choose. */
const NAMES = '/run/containers/networks/aardvark-dns';
const SERVER = 'aardvark-dns';

/**
 * Removes what a killed run left there: the names in its networks (`network` itself and, of Docker Compose, `network_…`),
 * which begin with an address that may be none of this run's, and the number of a server that is gone, which another
 * process may have by now: netavark would take that one for the server and start none. What belongs to others stays.
 */
export const forgetNames = (network: string, directory = NAMES): void => {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    if (name === network || name.startsWith(`${network}_`)) rmSync(join(directory, name), { force: true });
  }
  const pidFile = join(directory, 'aardvark.pid');
  if (existsSync(pidFile) && programOf(readFileSync(pidFile, 'utf8').trim()) !== SERVER)
    rmSync(pidFile, { force: true });
};

const programOf = (pid: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined; // it is gone
  }
};
