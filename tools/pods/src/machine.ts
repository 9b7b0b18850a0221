import { existsSync } from 'node:fs';
import { onPath } from '@muster/local-servers';
import { run } from './run.js';

/** Debian's and Ubuntu's packages, and what of each is looked for. */
const NEEDED: Readonly<Record<string, string>> = {
  podman: 'podman',
  buildah: 'buildah',
  runc: 'runc',
  conmon: 'conmon',
  catatonit: 'catatonit',
  iptables: 'iptables',
  jq: 'jq',
  mmdebstrap: 'mmdebstrap',
  netavark: '/usr/lib/podman/netavark',
  'aardvark-dns': '/usr/lib/podman/aardvark-dns',
  'debian-archive-keyring': '/usr/share/keyrings/debian-archive-keyring.gpg',
};

/** This machine can run no pods, whatever one does in the checkout. */
export class CannotRunPods extends Error {}

/**
 * Sees to it that podman and what it needs are there. What is missing is installed, by apt-get: who calls this was asked
 * for pods. Throws CannotRunPods with the reason when it is not Linux, not root, or the packages cannot be had.
 */
export const requirePodman = async (): Promise<void> => {
  if (process.platform !== 'linux') throw new CannotRunPods(`pods run on Linux, not on ${process.platform}`);
  if (process.getuid?.() !== 0) throw new CannotRunPods('only root may give pods their network');
  const missing = Object.entries(NEEDED)
    .filter(([, program]) => !isThere(program))
    .map(([name]) => name);
  if (missing.length === 0) return;
  if (!isThere('apt-get'))
    throw new CannotRunPods(`${missing.join(', ')}: not installed, and there is no apt-get`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  try {
    // The lists of a fresh machine are empty, and those of an old one name packages that are gone.
    await run('apt-get', ['update'], { environment }).catch(() => undefined);
    await run('apt-get', install, { environment });
  } catch (error) {
    const reason = String(error).trim().split('\n').at(-1) ?? '';
    throw new CannotRunPods(`${missing.join(', ')} cannot be installed: ${reason}`);
  }
};

const isThere = (program: string): boolean =>
  program.startsWith('/') ? existsSync(program) : onPath(program, process.env['PATH'] ?? '') !== undefined;
