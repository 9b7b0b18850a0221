import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { eventually } from './eventually.js';
import { brokerMqttUrl, mqttUrl, requireTestVariable } from './test-environment.js';

/**
 * The real command line clients, because they are what a device developer
 * tries first, and because they are written by others than our tests.
 * Host and port of the platform's door are added unless the arguments hold `-p`.
 */
export type MosquittoResult = {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type MosquittoSubscription = {
  /** Lines printed so far, one for each message (with `-v`: topic, a space, payload). */
  readonly lines: () => readonly string[];
  /** Waits until a line fulfils the predicate; rejects after the deadline (default 10000 ms) with the lines seen. */
  readonly line: (wanted: (line: string) => boolean, deadlineMs?: number) => Promise<string>;
  /** The client does nothing any more, not even answer its broker, until `thaw`. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Ends the client as Ctrl-C would and resolves with what it said. */
  readonly stop: () => Promise<MosquittoResult>;
};

type RunOptions = {
  /** Written to the client's standard input (`-l` or `-s`). */
  readonly stdin?: string;
  /** After that the client is killed and the promise rejects. Default 15000 ms. */
  readonly deadlineMs?: number;
};

/** Arguments for the run's broker itself, as the door's user, for specs of what is behind the door. */
export const atBroker = (): readonly string[] => {
  const { hostname, port, username, password } = new URL(brokerMqttUrl());
  return ['-h', hostname, '-p', port, '-u', username, '-P', password];
};

/** `mosquittoPub(['-t', topic, '-m', '{"a":1}', '-q', '1'])`; never rejects for a non-zero exit: look at `code`. */
export const mosquittoPub = (args: readonly string[], options: RunOptions = {}): Promise<MosquittoResult> =>
  run('mosquitto_pub', args, options);

/** Request and response; `mosquitto_rr` speaks MQTT 5 by default, so give `-V 311` for a broker that cannot. */
export const mosquittoRr = (args: readonly string[], options: RunOptions = {}): Promise<MosquittoResult> =>
  run('mosquitto_rr', args, options);

/** Resolves once the broker has acknowledged the subscription, so a publish after it cannot be missed. */
export const mosquittoSub = async (args: readonly string[]): Promise<MosquittoSubscription> => {
  const client = start('mosquitto_sub', ['-d', ...args]);
  // With -d the client tells its packets on the same stream as the messages.
  const messages = () =>
    client
      .stdout()
      .split('\n')
      .filter((line) => line !== '' && !isDebugLine(line));
  await eventually(
    () => {
      if (client.ended()) throw new Error(`mosquitto_sub ended: ${client.stdout()}${client.stderr()}`);
      return client.stdout().includes('Subscribed (mid:');
    },
    { what: 'the broker acknowledges the subscription', deadlineMs: 10_000 },
  ).catch((error: unknown) => {
    client.process.kill('SIGKILL');
    throw error;
  });
  return {
    lines: messages,
    line: async (wanted, deadlineMs = 10_000) => {
      const found = await eventually(() => messages().find(wanted), {
        what: 'a message arrives',
        deadlineMs,
      }).catch((error: unknown) => {
        throw new Error(`no such message within ${deadlineMs} ms; seen: ${JSON.stringify(messages())}`, {
          cause: error,
        });
      });
      return found;
    },
    freeze: () => void client.process.kill('SIGSTOP'),
    thaw: () => void client.process.kill('SIGCONT'),
    stop: () => {
      client.process.kill('SIGINT');
      return client.result;
    },
  };
};

const isDebugLine = (line: string): boolean =>
  /^(Client .+ (sending|received) |Subscribed \(mid:|Unsubscribe|Warning: )/.test(line);

const run = async (
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<MosquittoResult> => {
  const { stdin = '', deadlineMs = 15_000 } = options;
  const client = start(program, args);
  client.process.stdin?.end(stdin);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      client.process.kill('SIGKILL');
      reject(
        new Error(`${program} did not end within ${deadlineMs} ms: ${client.stdout()}${client.stderr()}`),
      );
    }, deadlineMs);
  });
  try {
    return await Promise.race([client.result, late]);
  } finally {
    clearTimeout(timer);
  }
};

type Client = {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: () => boolean;
  readonly result: Promise<MosquittoResult>;
};

const start = (program: string, args: readonly string[]): Client => {
  const directory = requireTestVariable('MUSTER_TEST_MOSQUITTO');
  const libraries = process.env['MUSTER_TEST_MOSQUITTO_LIBRARIES'];
  const broker = new URL(mqttUrl());
  const where = args.includes('-p') ? [] : ['-h', broker.hostname, '-p', broker.port];
  // Writing to a pipe the client keeps its lines back until it ends; stdbuf (coreutils) makes it pass on each.
  const child = spawn('stdbuf', ['-oL', join(directory, program), ...where, ...args], {
    stdio: 'pipe',
    env: {
      ...process.env,
      // Unpacked privately, the client finds its libraries by this alone.
      ...(libraries === undefined
        ? {}
        : { LD_LIBRARY_PATH: [libraries, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(delimiter) }),
    },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A client that ends before it has read everything closes the pipe; its exit code tells the story.
  child.stdin.on('error', () => undefined);
  let ended = false;
  const result = new Promise<MosquittoResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      ended = true;
      resolve({ code, stdout, stderr });
    });
  });
  // Whoever awaits `result` still gets the failure; this only keeps it from ending the process when nobody does.
  result.catch(() => undefined);
  return { process: child, stdout: () => stdout, stderr: () => stderr, ended: () => ended, result };
};
