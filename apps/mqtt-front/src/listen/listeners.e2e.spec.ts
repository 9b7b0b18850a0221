import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mosquittoPub } from '@muster/testing';
import { generate, parser } from 'mqtt-packet';
import mqtt from 'mqtt';
import { WebSocket } from 'ws';
import type { Arrival } from '../arrival.js';
import { BufferRoom } from '../client/buffer-room.js';
import { makeCertificate, type Made } from '../login/certificates.fixture.js';
import { logger, unique } from '../login/registry.fixture.js';
import type { Bounds, Listener } from './listener.js';
import { AUTHORITY_FILE, localCertificate } from './local-certificate.js';
import { openServerCertificate, type ServerCertificate } from './server-certificate.js';
import { listenTls } from './tls.js';
import { withWebSocket } from './websocket.js';

/** In the place of the door: answers CONNECT and PUBLISH with QoS 1, and keeps what came. */
const arrivals: Arrival[] = [];
const published: Buffer[] = [];
let reads = true;
const answer = (arrival: Arrival): void => {
  arrivals.push(arrival);
  const { stream } = arrival;
  stream.on('error', () => undefined);
  if (!reads) return;
  const packets = parser();
  packets.on('packet', (packet) => {
    if (packet.cmd === 'connect') {
      unproved.delete(arrival.socket);
      stream.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }));
    }
    if (packet.cmd === 'publish') {
      published.push(packet.payload as Buffer);
      if (packet.qos === 1) stream.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
    }
    if (packet.cmd === 'disconnect') stream.end();
  });
  packets.on('error', () => stream.destroy());
  stream.on('data', (bytes: Buffer) => packets.parse(bytes));
};

const earlyEnds: string[] = [];
const onEarlyEnd = (reason: string): void => void earlyEnds.push(reason);
const OPTIONS = {
  onEarlyEnd,
  timeoutMs: 1_000,
  maxConnectBytes: 16_384,
  maxFrameBytes: 1_048_576,
  frameTimeoutMs: 1_000,
  room: new BufferRoom(1_048_576, 1_048_576),
  trustedProxies: new Set<string>(),
};
let directory: string;
let certificate: ServerCertificate;
let listener: Listener;
let ca: string;
const unproved = new Set<Socket>();
let open = 0;
const bounds: Bounds = {
  watch: (server) =>
    void server.on('connection', (socket: Socket) => {
      open += 1;
      unproved.add(socket);
      socket.once('close', () => {
        open -= 1;
        unproved.delete(socket);
      });
    }),
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-tls-'));
  certificate = await openServerCertificate(await localCertificate(directory), logger);
  ca = await readFile(join(directory, AUTHORITY_FILE), 'utf8');
  listener = await listenTls(
    { host: '127.0.0.1', port: 0, bounds, certificate, handshakeTimeoutMs: 1_000, onEarlyEnd },
    withWebSocket(OPTIONS, answer),
  );
});
afterEach(() => {
  reads = true;
  for (const { stream } of arrivals.splice(0)) stream.destroy();
  published.length = 0;
});
afterAll(async () => {
  await listener.close();
  certificate.stop();
  await rm(directory, { recursive: true });
});

const keep = async (
  name: string,
  made: Pick<Made, 'pem' | 'key'>,
): Promise<readonly [cert: string, key: string]> => {
  const [cert, key] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  await writeFile(cert, made.pem);
  await writeFile(key, made.key);
  return [cert, key];
};
const publish = (...more: readonly string[]) =>
  mosquittoPub([
    ...['-h', '127.0.0.1', '-p', String(listener.port), '--cafile', join(directory, AUTHORITY_FILE)],
    ...['-V', '311', '-q', '1', '-t', 'a/b', '-m', 'here', ...more],
  ]);
const openssl = (
  ...args: readonly string[]
): Promise<{ readonly stdout: string; readonly stderr: string }> => {
  const running = promisify(execFile)('openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${listener.port}`,
    ...args,
  ]);
  running.child.stdin?.end();
  return running.catch((error: unknown) => error as { stdout: string; stderr: string });
};

/** Whether who comes again goes on where it was, and shows no key. */
const resumes = async (port: number): Promise<boolean> => {
  const how = { port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' } as const;
  const first = connectTls(how);
  await once(first, 'secureConnect');
  const session = first.getSession();
  first.destroy();
  const second = connectTls({ ...how, session });
  await once(second, 'secureConnect');
  const isReused = second.isSessionReused();
  second.destroy();
  return isReused;
};

describe('TLS', () => {
  it('lets mosquitto in with the file of the authority, and shows nothing of it', async () => {
    expect(await publish()).toMatchObject({ code: 0 });
    expect(String(published[0])).toBe('here');
    expect(arrivals[0]).toMatchObject({ transport: 'tls', address: '127.0.0.1', certificates: [] });
    expect(unproved.size).toBe(0);
  });

  it('hands on the certificate of who has its key, with those that signed it', async () => {
    const authority = await makeCertificate('an authority', { isAuthority: true });
    const made = await makeCertificate('a device', { by: authority });
    const [cert, key] = await keep('device', { pem: `${made.pem}\n${authority.pem}\n`, key: made.key });
    expect(await publish('--cert', cert, '--key', key)).toMatchObject({ code: 0 });
    const clean = (text: string): string => text.replaceAll(/\s/g, '');
    expect(arrivals[0]?.certificates.map(clean)).toEqual([clean(made.pem), clean(authority.pem)]);
    const alone = await makeCertificate('alone');
    expect(await publish('--cert', ...(await keepFor(alone)))).toMatchObject({ code: 0 });
    expect(arrivals[1]?.certificates.map(clean)).toEqual([clean(alone.pem)]);
  });

  it.each([
    ['-tls1_1', false],
    ['-tls1_2', true],
    ['-tls1_3', true],
  ] as const)('%s is spoken: %s', async (version, isSpoken) => {
    const { stdout } = await openssl(
      version,
      '-CAfile',
      join(directory, AUTHORITY_FILE),
      '-cipher',
      'ALL:@SECLEVEL=0',
    );
    expect(stdout.includes('Verify return code: 0 (ok)') && !stdout.includes('Cipher is (NONE)')).toBe(
      isSpoken,
    );
  });

  it('resumes no session: each connection shows its key', async () => {
    expect(await resumes(listener.port)).toBe(false);
  });

  it('waits for a handshake as long as it says, and counts who waits', async () => {
    await eventually(() => open === 0);
    earlyEnds.length = 0;
    const silent = createConnection({ port: listener.port, host: '127.0.0.1' });
    silent.on('error', () => undefined);
    await eventually(() => open === 1);
    expect(unproved.size).toBe(1);
    const began = performance.now();
    await once(silent, 'close');
    expect(performance.now() - began).toBeLessThan(5_000);
    await eventually(() => open === 0);
    const plain = createConnection({ port: listener.port, host: '127.0.0.1' });
    plain.on('error', () => undefined).write(generate({ cmd: 'connect', clientId: 'x', protocolId: 'MQTT' }));
    await once(plain, 'close');
    expect(arrivals).toEqual([]);
    expect(earlyEnds).toEqual(['too-slow', 'protocol-error']);
  });
});

describe('the certificate of the server', () => {
  it('is made once, for the addresses of this machine, and its keys are for their owner alone', async () => {
    const again = await Promise.all([localCertificate(directory), localCertificate(directory)]);
    expect(again[0]).toEqual(again[1]);
    expect(await readFile(join(directory, AUTHORITY_FILE), 'utf8')).toBe(ca);
    for (const [file, mode] of [
      ['ca-key.pem', 0o600],
      ['server-key.pem', 0o600],
      [AUTHORITY_FILE, 0o644],
    ] as const) {
      expect((await stat(join(directory, file))).mode & 0o777).toBe(mode);
    }
    const fresh = await mkdtemp(join(tmpdir(), 'muster-tls-'));
    const many = await Promise.all(Array.from({ length: 5 }, () => localCertificate(fresh)));
    const opened = await Promise.all(many.map((files) => openServerCertificate(files, logger)));
    expect(new Set(opened.map((one) => one.current().cert)).size).toBe(1);
    for (const one of opened) one.stop();
    await rm(fresh, { recursive: true });
  });

  it('is read again when it changes, without a restart, and a pair that does not fit changes nothing', async () => {
    const [first, second] = [await makeCertificate('first'), await makeCertificate('second')];
    const [certificateFile, keyFile] = await keep('given', first);
    const given = await openServerCertificate({ certificateFile, keyFile }, logger);
    const own = await listenTls(
      { host: '127.0.0.1', port: 0, certificate: given, handshakeTimeoutMs: 1_000, onEarlyEnd },
      answer,
    );
    const shown = async (): Promise<string> => {
      const socket = connectTls({ port: own.port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return String(subject.CN);
    };
    expect(await shown()).toBe('first');
    const staying = connectTls({ port: own.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(staying, 'secureConnect');
    await writeFile(certificateFile, second.pem);
    // Longer than it takes to be looked at: the half of a pair is none.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await shown()).toBe('first');
    await writeFile(`${keyFile}.new`, second.key);
    await rename(`${keyFile}.new`, keyFile);
    await eventually(async () => (await shown()) === 'second', {
      what: 'the second is shown',
      deadlineMs: 10_000,
    });
    expect(staying.destroyed).toBe(false);
    staying.destroy();
    expect(await resumes(own.port)).toBe(false);
    given.stop();
    await own.close();
    await writeFile(keyFile, first.key);
    await expect(openServerCertificate({ certificateFile, keyFile }, logger)).rejects.toThrow(
      'is not that of the',
    );
    await writeFile(keyFile, 'x');
    await expect(openServerCertificate({ certificateFile, keyFile }, logger)).rejects.toThrow(
      'no private key in PEM',
    );
  });
});

describe('WebSocket at the same port', () => {
  const openAt = (path: string, protocols: readonly string[]): WebSocket => {
    const socket = new WebSocket(`wss://127.0.0.1:${listener.port}${path}`, [...protocols], { ca });
    socket.on('error', () => undefined);
    return socket;
  };
  const closed = (socket: WebSocket): Promise<unknown> => once(socket, 'close');

  it('carries MQTT of mqtt.js, large messages too', async () => {
    const client = await mqtt.connectAsync(`wss://127.0.0.1:${listener.port}/mqtt`, {
      ca,
      reconnectPeriod: 0,
    });
    await client.publishAsync('a/b', Buffer.alloc(300_000, 7), { qos: 1 });
    expect(published[0]?.length).toBe(300_000);
    expect(arrivals[0]).toMatchObject({ transport: 'wss', address: '127.0.0.1', certificates: [] });
    await client.endAsync();
    await eventually(() => arrivals[0]?.stream.destroyed === true);
  });

  it('says what it wants to who asks for something else', async () => {
    const refused = async (path: string, protocols: readonly string[]): Promise<unknown> => {
      const [, response] = (await once(openAt(path, protocols), 'unexpected-response')) as [
        unknown,
        { statusCode: number },
      ];
      return response.statusCode;
    };
    expect(await refused('/other', ['mqtt'])).toBe(404);
    expect(await refused('/mqtt', [])).toBe(400);
    expect(await refused('/mqtt', ['chat'])).toBe(400);
    const response = await fetchOverTls('/mqtt');
    expect(response).toMatch(/^HTTP\/1\.1 426 /);
    const old = openAt('/mqtt', ['mqttv3.1']);
    await once(old, 'open');
    expect(old.protocol).toBe('mqttv3.1');
    old.terminate();
  });

  it('ends who sends text, or more than a CONNECT before it is known', async () => {
    const text = openAt('/mqtt', ['mqtt']);
    await once(text, 'open');
    text.send('CONNECT');
    await closed(text);
    const large = openAt('/mqtt', ['mqtt']);
    await once(large, 'open');
    large.send(Buffer.alloc(100_000));
    await closed(large);
    const byParts = openAt('/mqtt', ['mqtt']);
    await once(byParts, 'open');
    for (let part = 0; part < 10; part += 1) byParts.send(Buffer.alloc(10_000), { fin: false });
    await closed(byParts);
  });

  it('ends who says nothing, or half of a request', async () => {
    for (const said of ['', 'G', 'GET /mqtt HTTP/1.1\r\nhost: x\r\n']) {
      const began = performance.now();
      const socket = connectTls({ port: listener.port, host: '127.0.0.1', ca });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      if (said !== '') socket.write(said);
      await once(socket, 'close');
      expect(performance.now() - began).toBeLessThan(6_000);
    }
    expect(arrivals).toEqual([]);
  });

  it('keeps no more of frames that are not whole than there is room for, and not for long', async () => {
    const known = async (): Promise<WebSocket> => {
      const socket = openAt('/mqtt', ['mqtt']);
      await once(socket, 'open');
      socket.send(generate({ cmd: 'connect', clientId: unique('client'), clean: true, keepalive: 0 }));
      await once(socket, 'message');
      return socket;
    };
    const half = (bytes: number): Buffer => Buffer.concat([FRAME_OF_A_MEGABYTE, Buffer.alloc(bytes)]);
    const sockets = await Promise.all([known(), known(), known()]);
    const raw = sockets.map((socket) => socketOf(socket));
    const began = performance.now();
    // Each all but some bytes of it: there is room for one.
    for (const socket of raw) socket.write(half(1_000_000));
    const whole = (): number => arrivals.filter(({ socket }) => socket.bytesRead > 1_000_000).length;
    await eventually(() => whole() > 0);
    expect(whole()).toBe(1);
    await Promise.all(sockets.map((socket) => closed(socket)));
    // One after the other: each has a second.
    expect(performance.now() - began).toBeGreaterThan(2_500);
    const after = await known();
    const flags = { qos: 1, dup: false, retain: false } as const;
    const large = { cmd: 'publish', topic: 'a/b', messageId: 1, payload: Buffer.alloc(900_000) } as const;
    after.send(generate({ ...large, ...flags }));
    await once(after, 'message');
    expect(published.at(-1)).toHaveLength(900_000);
    after.terminate();
  });

  it('does not take what is not read, nor answer pings that are not taken', async () => {
    reads = false;
    const socket = openAt('/mqtt', ['mqtt']);
    await once(socket, 'open');
    await eventually(() => arrivals.length === 1);
    arrivals[0]?.stream.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }));
    await once(socket, 'message');
    for (let n = 0; n < 400; n += 1) socket.send(Buffer.alloc(100_000));
    // 40 MB; what the kernel holds of it is some MB.
    await eventually(() => socket.bufferedAmount < 40_000_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(socket.bufferedAmount).toBeGreaterThan(20_000_000);
    socket.terminate();
  });
});

/** The beginning of a masked frame of 1,048,576 bytes. */
const FRAME_OF_A_MEGABYTE = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]);

/** Below ws, which sends whole frames only. */
const socketOf = (socket: WebSocket): Socket => (socket as unknown as { readonly _socket: Socket })._socket;

const keepFor = async (made: Made): Promise<[string, string, string]> => {
  const [cert, key] = await keep(unique('of'), made);
  return [cert, '--key', key];
};

/** The whole answer to a GET. */
const fetchOverTls = async (path: string): Promise<string> => {
  const socket = connectTls({ port: listener.port, host: '127.0.0.1', ca });
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  let said = '';
  for await (const chunk of socket.setEncoding('utf8')) said += String(chunk);
  return said;
};
