import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Failure } from './failure.js';
import { freePortBase } from './free-port.js';
import { openInstance, type Instance } from './instance.js';
import { openTrust, type Trust } from '@muster/nats-accounts';
import { natsKeys, natsServer, openNatsTrust } from './nats.js';
import { gone, identityOf, type Identity, isAlive, signal } from './process-identity.js';
import { natsAnswers } from './probe.js';
import type { Server } from './server.js';
import { type Settings, TEST_OFFSETS, testSettings } from './settings.js';
import { lock, settingsOfRunning, type Known } from './state.js';

let settings: Settings;
/** Made once: keys cost seconds on a busy machine. */
let keys: string;
let trust: Trust;
let said: string[];
let opened: Instance[];

const open = async (): Promise<Instance> => {
  const instance = await openInstance(settings, (line) => said.push(line));
  opened.push(instance);
  return instance;
};
const nats = (): Server => {
  const path = process.env['MUSTER_TEST_NATS_BINARY'];
  if (path === undefined) throw new Error('run this spec through `npm test`');
  return natsServer(settings, { path, origin: path }, trust);
};
const stateFile = () => join(settings.home, 'state.json');
const known = async (): Promise<Record<string, Known>> =>
  JSON.parse(await readFile(stateFile(), 'utf8')) as Record<string, Known>;
const identityOfNats = async (): Promise<Identity> => {
  const identity = (await known())['nats']?.identity;
  if (identity === undefined) throw new Error('nats is not in the state file');
  return identity;
};
const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 15 s; said: ${said.join(' | ')}`);
    await delay(20);
  }
};

/** A launcher of its own that starts nats-server and is killed as soon as that runs; returns what it left. */
const launchAndKill = async (): Promise<Identity> => {
  const module = (name: string) => JSON.stringify(new URL(`./${name}.js`, import.meta.url).href);
  const script = `
    const { openInstance } = await import(${module('instance')});
    const { natsServer, openNatsTrust } = await import(${module('nats')});
    const settings = ${JSON.stringify(settings)};
    const path = process.env['MUSTER_TEST_NATS_BINARY'];
    const instance = await openInstance(settings, () => undefined);
    await instance.add(natsServer(settings, { path, origin: path }, await openNatsTrust(settings))).start();
    process.stdout.write('ready');
    setInterval(() => undefined, 1000);`;
  const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(launcher.stdout, 'data');
  launcher.kill('SIGKILL');
  await once(launcher, 'exit');
  return identityOfNats();
};

beforeAll(async () => {
  keys = await mkdtemp(join(tmpdir(), 'muster-keys-'));
  await openTrust(keys);
});
afterAll(() => rm(keys, { recursive: true }));
beforeEach(async () => {
  // With a space, because a user's path may have one.
  const root = await mkdtemp(join(tmpdir(), 'muster launcher '));
  settings = testSettings(root, 'spec', await freePortBase(TEST_OFFSETS));
  await cp(keys, natsKeys(settings), { recursive: true });
  trust = await openNatsTrust(settings);
  said = [];
  opened = [];
});
afterEach(async () => {
  for (const instance of opened) await instance.stop();
  await rm(settings.root, { recursive: true, force: true });
});

describe('after kill -9 of the launcher', () => {
  it('the next one takes over what still runs', async () => {
    const left = await launchAndKill();
    expect(await (await open()).add(nats()).start()).toBe('adopted');
    expect(await identityOfNats()).toEqual(left);
  });

  it('but starts anew what would now be started differently', async () => {
    const left = await launchAndKill();
    const changed = { ...nats(), args: [...nats().args, '--name', 'other'] };
    expect(await (await open()).add(changed).start()).toBe('started');
    expect(isAlive(left)).toBe(false);
  });

  it('and finds by its mark what the lost state file would have named', async () => {
    const left = await launchAndKill();
    await rm(stateFile());
    const instance = await open();
    expect(isAlive(left)).toBe(false);
    expect(said.join()).toContain(`stopping nats (pid ${left.pid}), left by an earlier start`);
    expect(await instance.add(nats()).start()).toBe('started');
  });

  it("never touches a stranger who has the old one's pid", async () => {
    const left = await launchAndKill();
    signal(left, 'SIGKILL');
    await gone(left, 5_000);
    const stranger = spawn('sleep', ['60']);
    try {
      const state = await known();
      const reused = { ...left, pid: stranger.pid };
      await writeFile(
        stateFile(),
        JSON.stringify({ ...state, nats: { ...state['nats'], identity: reused } }),
      );
      const instance = await open();
      expect(await instance.add(nats()).start()).toBe('started');
      await instance.stop();
      expect(identityOf(stranger.pid ?? 0)).not.toBeNull();
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});

describe('a server that is killed', () => {
  const dies = async (outcome: 'started' | 'adopted'): Promise<void> => {
    const instance = await open();
    expect(await instance.add(nats()).start()).toBe(outcome);
    const first = await identityOfNats();
    signal(first, 'SIGKILL');
    await until('it is back', () => said.some((line) => line.startsWith('NATS is back')));
    expect(await identityOfNats()).not.toEqual(first);
    expect(await natsAnswers({ host: '127.0.0.1', port: settings.ports.nats })).toBe(true);
    await instance.stop();
    expect(await known()).toEqual({});
    expect(await natsAnswers({ host: '127.0.0.1', port: settings.ports.nats })).toBe(false);
  };

  it('is started again', () => dies('started'));

  it('is started again, too, when it was taken over', async () => {
    await launchAndKill();
    await dies('adopted');
  });
});

describe('a start that cannot succeed', () => {
  it('names who holds the port and the variable that moves ours', async () => {
    const other = createServer().listen(settings.ports.nats, '127.0.0.1');
    await once(other, 'listening');
    try {
      const instance = await open();
      await expect(instance.add(nats()).start()).rejects.toThrow(
        `NATS: port ${settings.ports.nats} is taken by pid ${process.pid} (`,
      );
      await expect(
        instance.requirePorts([{ title: 'NATS', port: settings.ports.nats, variable: 'MUSTER_NATS_PORT' }]),
      ).rejects.toMatchObject({ advice: [expect.stringContaining('MUSTER_NATS_PORT=')] });
    } finally {
      other.close();
    }
  });

  it('tells the end of the log of a server that ends at once', async () => {
    const broken = { ...nats(), args: ['-c', '/no/such/file'] };
    const failure = await (
      await open()
    )
      .add(broken)
      .start()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({
      message: 'NATS did not start: it ended (exit code 1).',
      advice: expect.arrayContaining([expect.stringContaining('/no/such/file')]) as unknown,
    });
  });

  it('can be stopped while it waits', async () => {
    const instance = await open();
    const start = instance.add({ ...nats(), ready: () => Promise.resolve(false) }).start();
    const outcome = start.then(
      () => 'started',
      () => 'given up',
    );
    await until('it is launched', () =>
      identityOfNats().then(
        () => true,
        () => false,
      ),
    );
    const launched = await identityOfNats();
    await instance.stop();
    expect(await outcome).toBe('given up');
    expect(isAlive(launched)).toBe(false);
  });
});

describe('one launcher at a time', () => {
  it('has a directory; the second is told which one', async () => {
    await open();
    await expect(open()).rejects.toThrow(`muster already runs here: pid ${process.pid}`);
  });

  it('and a dead one keeps nobody out', async () => {
    await (await open()).stop();
    const dead: Identity = { pid: process.pid, startedAt: '0', bootId: 'another boot' };
    await writeFile(join(settings.home, 'launcher.lock'), JSON.stringify(dead));
    lock(settings)();
  });

  it('tells the commands that run beside it where its servers are, whatever their own settings say', async () => {
    const other = { ...settings, ports: testSettings(settings.root, 'other', 20_000).ports };
    expect(settingsOfRunning(other, [])).toBeNull();
    await open();
    expect(settingsOfRunning(other, ['database'])?.ports).toEqual(settings.ports);
  });

  it('tells a command that lacks the URL of a server that it was given', async () => {
    const database = 'postgres://user:secret@db.example:5432/muster';
    settings = { ...settings, given: { database } };
    await open();
    const other = { ...settings, given: {} };
    expect(() => settingsOfRunning(other, ['database'])).toThrow('with MUSTER_DATABASE_URL');
    expect(settingsOfRunning(other, ['nats'])?.ports).toEqual(settings.ports);
    expect(settingsOfRunning(settings, ['database'])?.given).toEqual({ database });
    expect(await readFile(join(settings.home, 'launcher.lock'), 'utf8')).not.toContain('secret');
  });
});
