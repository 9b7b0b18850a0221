import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import tls from 'node:tls';
import { makeSasToken } from '@muster/iothub-simulator';
import { PlainDevice } from '../door/plain-device.js';

/** The simulator as a process of its own: what it takes is not taken from who measures. */
export interface SimulatedHub {
  readonly connectionString: string;
  readonly eventHubConnectionString: string;
  /** PEM, in a file: for NODE_EXTRA_CA_CERTS. */
  readonly authorityFile: string;
  /** Undefined ends it. */
  throttle(quotas: { readonly tier: string } | undefined): Promise<void>;
  /** A device of the codec alone, by the key of its identity. */
  connect(hubDeviceId: string): Promise<PlainDevice>;
  stop(): Promise<void>;
}

const DAY_MS = 86_400_000;
// Newer than the types of Node.js here.
const { setDefaultCACertificates, getCACertificates } = tls as unknown as {
  setDefaultCACertificates(certificates: readonly string[]): void;
  getCACertificates(kind: 'default'): readonly string[];
};
const program = resolve(createRequire(import.meta.url).resolve('@muster/iothub-simulator'), '../main.js');

/** `consumerGroups` besides `$Default`. */
export const startHub = async (
  directory: string,
  consumerGroups: readonly string[],
): Promise<SimulatedHub> => {
  const groups = consumerGroups.flatMap((name) => ['--consumer-group', name]);
  const options = ['--directory', directory, '--route', 'all', '--port', '0', '--control-port', '0'];
  const hub = spawn(process.execPath, [program, ...options, ...groups], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    hub.once('exit', (code) => reject(new Error(`the simulator ended with ${code ?? 'a signal'}`)));
    hub.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      // The last that it says.
      if (/^ *trust .*\n/m.test(said)) resolve();
    });
  });
  const find = (what: string): string => {
    const found = new RegExp(`^ *${what} +(\\S+)$`, 'm').exec(said)?.[1];
    if (found === undefined) throw new Error(`the simulator did not say ${what}: ${said}`);
    return found;
  };
  const control = find('control');
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${control}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const authorityFile = join(directory, 'authority.pem');
  const ca = readFileSync(authorityFile, 'utf8');
  // What NODE_EXTRA_CA_CERTS does for a process from its start: the plain reader is of this one.
  setDefaultCACertificates([...getCACertificates('default'), ca]);
  return {
    connectionString: find('service'),
    eventHubConnectionString: find('event hub'),
    authorityFile,
    throttle: async (quotas) => {
      await ask('PUT', '/quotas', quotas ?? null);
    },
    connect: async (id) => {
      const { connectionString } = (await ask('GET', `/devices/${id}/connection-string`)) as {
        connectionString: string;
      };
      const of = (name: string): string => new RegExp(`${name}=([^;]+)`).exec(connectionString)?.[1] ?? '';
      const host = of('HostName');
      const user = encodeURIComponent(`${host}/${id}/?api-version=2021-04-12`);
      const token = makeSasToken(`${host}/devices/${id}`, of('SharedAccessKey'), Date.now() + DAY_MS);
      const url = `mqtts://${user}:${encodeURIComponent(token)}@${host}`;
      return PlainDevice.open({ url, ca, clientId: id });
    },
    stop: async () => {
      const gone = once(hub, 'exit');
      hub.kill();
      await gone;
    },
  };
};
