import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@muster/local-servers';
import { openTrust, trustLines, type Trust } from '@muster/nats-accounts';
import { eventually } from './eventually.js';
import { requireTestVariable } from './test-environment.js';

export type NatsServer = {
  /** `nats://127.0.0.1:<port>`; stays the same over `restart`. */
  readonly url: string;
  readonly port: number;
  /** Its keys; with `accounts` or `trust` only, and then nobody comes in without credentials. */
  readonly trust: Trust | undefined;
  /** Ends the server as a power cut would: no goodbye to clients, nothing flushed. */
  readonly kill9: () => Promise<void>;
  /** Starts it again on the same port with the same store; stops it first when it still runs. */
  readonly restart: () => Promise<void>;
  /** Stops it and removes its store. Safe to call twice. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts a nats-server with JetStream for one test file: empty store, free port on 127.0.0.1. With `accounts` as an
 * installation runs it, with the keys of all specs of this run: to make them costs seconds; with `trust`, with those. Without,
 * everybody may do everything.
 */
export const startNats = async ({
  accounts = false,
  trust: given,
}: { readonly accounts?: boolean; readonly trust?: Trust } = {}): Promise<NatsServer> => {
  const binary = requireTestVariable('MUSTER_TEST_NATS_BINARY');
  const store = await mkdtemp(join(tmpdir(), 'muster-nats-'));
  const trust =
    given ??
    (accounts ? await openTrust(join(requireTestVariable('MUSTER_INSTANCE'), 'keys-of-specs')) : undefined);
  await writeFile(
    join(store, 'nats.conf'),
    trust === undefined ? '' : trustLines(trust.server, join(store, 'accounts')).join('\n'),
  );
  const first = await startOnFreePort(binary, store);
  const { port } = first;
  let running = first.process;

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill(signal);
    await gone;
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    trust,
    kill9: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      running = await eventually(() => startOn(binary, store, port), {
        what: 'nats-server starts again on its port',
        deadlineMs: 10_000,
      });
    },
    stop: async () => {
      await end('SIGTERM');
      await rm(store, { recursive: true, force: true });
    },
  };
};

/** Between the choice of a free port and the server's bind another test file may have taken it: choose again. */
const startOnFreePort = async (
  binary: string,
  store: string,
): Promise<{ process: ChildProcess; port: number }> => {
  let failure: unknown;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const port = await freePort();
    try {
      return { process: await startOn(binary, store, port), port };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
};

const startOn = async (binary: string, store: string, port: number): Promise<ChildProcess> => {
  const child = spawn(
    binary,
    ['-c', join(store, 'nats.conf'), '-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-2_000);
  });
  let failed: Error | undefined;
  child.once('error', (error) => {
    failed = error;
  });
  try {
    await eventually(
      async () => {
        // Ends the waiting at once: a server that is gone will not answer later.
        if (failed !== undefined || child.exitCode !== null) return 'gone' as const;
        return (await greetsWithJetStream(port)) ? ('ready' as const) : false;
      },
      { deadlineMs: 10_000, what: 'nats-server answers' },
    );
    if (failed !== undefined) throw failed;
    if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}: ${log}`);
    return child;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
};

/** Its first line to every connection is `INFO {...}`; JetStream is up when that says so. */
const greetsWithJetStream = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, timeout: 1_000 });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setEncoding('utf8');
    socket.once('data', (text: string) =>
      answer(text.startsWith('INFO') && text.includes('"jetstream":true')),
    );
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
    socket.once('close', () => answer(false));
  });
