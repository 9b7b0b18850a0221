import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Who listens on a port. Another user's process shows its user only. */
export type PortHolder = { readonly pid?: number; readonly command?: string; readonly user?: string };

export const portHolder = (port: number): PortHolder => {
  if (process.platform !== 'linux') return holderByLsof(port);
  const socket = listeningSocket(port);
  if (socket === undefined) return {};
  const user = userName(socket.uid);
  const pid = processWithSocket(socket.inode);
  return pid === undefined ? { user } : { pid, user, command: commandOf(pid) };
};

/** "pid 12948 (node server.js)", or as much of it as can be seen. */
export const describeHolder = (holder: PortHolder, port: number): string => {
  if (holder.pid !== undefined) return `pid ${holder.pid} (${holder.command ?? '?'})`;
  const seeIt = `to see it: sudo ss -ltnp 'sport = :${port}'`;
  if (holder.user !== undefined) return `a process of user "${holder.user}" (${seeIt})`;
  return `a process that is not visible here (${seeIt})`;
};

const LISTENING = '0A';

const listeningSocket = (port: number): { inode: string; uid: number } | undefined => {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readLines(table).slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [local, state, uid, inode] = [fields[1], fields[3], fields[7], fields[9]];
      if (state === LISTENING && local?.endsWith(`:${hexPort}`) && inode !== undefined) {
        return { inode, uid: Number(uid) };
      }
    }
  }
  return undefined;
};

const processWithSocket = (inode: string): number | undefined => {
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (Number.isInteger(pid) && hasSocket(pid, inode)) return pid;
  }
  return undefined;
};

const hasSocket = (pid: number, inode: string): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`;
      } catch {
        return false; // closed while we looked
      }
    });
  } catch {
    return false; // another user's process, or gone
  }
};

const commandOf = (pid: number): string =>
  readLines(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ').trim().slice(0, 80);

const userName = (uid: number): string => {
  const entry = readLines('/etc/passwd').find((line) => line.split(':')[2] === String(uid));
  return entry?.split(':')[0] ?? String(uid);
};

const readLines = (path: string): string[] => {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
};

const holderByLsof = (port: number): PortHolder => {
  const lsof = spawnSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], { encoding: 'utf8' });
  if (lsof.error !== undefined) return {};
  const pid = /^p(\d+)$/m.exec(lsof.stdout)?.[1];
  const command = /^c(.+)$/m.exec(lsof.stdout)?.[1];
  return pid === undefined ? {} : { pid: Number(pid), command };
};
