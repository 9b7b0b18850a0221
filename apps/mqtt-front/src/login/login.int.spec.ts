import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, eventStream } from '@muster/contracts';
import {
  deleteCertificateAuthority,
  editCertificateAuthority,
  registerCertificateAuthority,
  verifyCertificateAuthority,
  type CertificateAuthorityInput,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import { editCredential, rotateCredential } from '@muster/contracts/device-registry/credentials.requests';
import { deleteDevice, editDevice, getDevice } from '@muster/contracts/device-registry/devices.requests';
import { connectBus, type Bus } from '@muster/messaging';
import { createMetrics } from '@muster/observability';
import { eventually, startNats } from '@muster/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { makeCertificate, type Made } from './certificates.fixture.js';
import type { DeviceIdentity, Identity, Shown } from './identity.js';
import { openLogin, type Login, type LoginOptions } from './login.js';
import { base, logger, startRegistry, unique, type Registry } from './registry.fixture.js';

let registry: Registry;
let bus: Bus;
let login: Login;
/** Another replica. */
let other: Login;

const OPTIONS: LoginOptions = {
  anonymous: true,
  guesses: { burst: 10, perMinute: 60 },
  atOnce: 16,
  timeoutMs: 5_000,
};
const open = (to: Bus, more: Partial<LoginOptions> = {}): Login =>
  openLogin({ ...OPTIONS, ...more }, { bus: to, logger, metrics: createMetrics('spec') });
const ready = (one: Login): Promise<boolean> =>
  eventually(() => one.isReady(), { what: 'events are followed' });

beforeAll(async () => {
  registry = await startRegistry();
  bus = await connectBus({ url: registry.service.nats.url, name: 'front', logger });
  login = open(bus);
  other = open(bus);
  await ready(login);
  await ready(other);
}, 60_000);
afterAll(async () => {
  await login.stop();
  await other.stop();
  await bus.close();
  await registry.stop();
});

let addresses = 0;
/** From an address of its own each: guesses of one spec are none of another. */
const shown = (more: Partial<Shown>): Shown => {
  addresses += 1;
  return {
    clientId: 'c',
    certificates: [],
    address: `192.0.2.${addresses % 250}`,
    transport: 'tcp',
    ...more,
  };
};
const byPassword = (username: string, password: string, more: Partial<Shown> = {}): Shown =>
  shown({ username, password: Buffer.from(password), ...more });
const byCertificate = (...chain: readonly Made[]): Shown =>
  shown({ transport: 'tls', certificates: chain.map(({ pem }) => pem) });
const enter = async (what: Shown, at = login): Promise<DeviceIdentity> => {
  const identity = await at.identify(what);
  if (identity.kind !== 'device') throw new Error('anonymous');
  return identity;
};
const code = (promise: Promise<Identity>): Promise<string> =>
  promise.then(
    () => 'welcome',
    (error: unknown) => {
      if (error instanceof AppError) return error.code;
      throw error;
    },
  );
const withPassword = async (more: object = {}) => {
  const made = await registry.deviceWith({ kind: 'password', ...more });
  const { username = '', password = '' } = made.credential;
  return { id: made.id, username, password };
};
const authorityWith = async (more: Partial<CertificateAuthorityInput> = {}) => {
  const authority = await makeCertificate(unique('authority'), { isAuthority: true });
  const { id, verificationCode = '' } = await registry.bus.request(registerCertificateAuthority, {
    ...base,
    authority: { name: unique('authority'), certificate: authority.pem, ...more },
  });
  const proof = await makeCertificate(verificationCode, { by: authority });
  await registry.bus.request(verifyCertificateAuthority, {
    ...base,
    authorityId: id,
    verification: { certificate: proof.pem },
  });
  return { id, authority };
};
const change = (
  { deviceId, credentialId }: DeviceIdentity,
  edit: { status?: 'active' | 'suspended' | 'revoked'; validUntil?: string },
) => registry.bus.request(editCredential, { ...base, deviceId, credentialId, edit });

/** Milliseconds until none of them holds, at either replica; the promise of the door is 2,000. */
const goneWithin = async (who: readonly (readonly [Login, DeviceIdentity])[]): Promise<number> => {
  const began = performance.now();
  await eventually(() => who.every(([at, identity]) => !at.stillHolds(identity)), {
    what: 'none of them holds',
    deadlineMs: 2_000,
    everyMs: 5,
  });
  return performance.now() - began;
};

describe('who shows nothing', () => {
  it('is anonymous, or not let in where that is switched off', async () => {
    expect(await login.identify(shown({}))).toEqual({ kind: 'anonymous' });
    expect(await login.identify(shown({ username: '', password: Buffer.alloc(0) }))).toEqual({
      kind: 'anonymous',
    });
    expect(login.stillHolds({ kind: 'anonymous' })).toBe(true);
    const closed = open(bus, { anonymous: false });
    expect(await code(closed.identify(shown({})))).toBe('unauthenticated');
    await closed.stop();
  });
});

describe('a password', () => {
  it('opens, and what is wrong, empty, too long or no text opens nothing', async () => {
    const { id, username, password } = await withPassword();
    const identity = await enter(byPassword(username, password));
    expect(identity).toMatchObject({ kind: 'device', deviceId: id, by: 'password' });
    expect(login.stillHolds(identity)).toBe(true);
    const wrong = ['x', '', 'x'.repeat(257)].map((text) => byPassword(username, text));
    const others = [
      shown({ username, password: Buffer.from([0xff, 0xfe]) }),
      shown({ username }),
      shown({ password: Buffer.from(password) }),
      byPassword(unique('nobody'), password),
    ];
    for (const one of [...wrong, ...others]) {
      expect(await code(login.identify(one))).toBe('credential-unknown');
    }
  });

  it('is guessed at ten times from an address, then nothing is looked at; what was right from there goes on', async () => {
    const { username, password } = await withPassword();
    const neighbour = await withPassword();
    const address = '198.51.100.7';
    await enter(byPassword(username, password, { address }));
    const codes = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        code(login.identify(byPassword(unique('nobody'), `${n}`, { address }))),
      ),
    );
    expect(new Set(codes)).toEqual(new Set(['credential-unknown', 'too-many-requests']));
    // Ten, and what was under way with them.
    expect(codes.filter((one) => one === 'credential-unknown').length).toBeLessThanOrEqual(
      10 + OPTIONS.atOnce,
    );
    expect(await code(login.identify(byPassword(neighbour.username, neighbour.password, { address })))).toBe(
      'too-many-requests',
    );
    await enter(byPassword(username, password, { address }));
    await enter(byPassword(neighbour.username, neighbour.password));
  });

  it('is rotated without a gap', async () => {
    const { id, username, password } = await withPassword();
    const before = await enter(byPassword(username, password));
    const next = await registry.bus.request(rotateCredential, {
      ...base,
      deviceId: id,
      credentialId: before.credentialId,
      rotation: { overlapSeconds: 3 },
    });
    const after = await enter(byPassword(username, next.password ?? ''));
    // Both hold, until the one before is over.
    expect([login.stillHolds(before), login.stillHolds(await enter(byPassword(username, password)))]).toEqual(
      [true, true],
    );
    await eventually(() => !login.stillHolds(before), { what: 'the first is over', deadlineMs: 6_000 });
    expect(await code(login.identify(byPassword(username, password)))).toBe('credential-expired');
    expect(login.stillHolds(after)).toBe(true);
  });
});

describe('what is taken back', () => {
  it.each(['suspended', 'revoked'] as const)('ends who came by it, on every replica: %s', async (status) => {
    const { username, password } = await withPassword();
    const identity = await enter(byPassword(username, password));
    const elsewhere = await enter(byPassword(username, password), other);
    await change(identity, { status });
    expect(await code(login.identify(byPassword(username, password)))).toBe(`credential-${status}`);
    await goneWithin([
      [login, identity],
      [other, elsewhere],
    ]);
  });

  it('leaves others of the same device', async () => {
    const certificate = await makeCertificate('d');
    const made = await registry.deviceWith({ kind: 'self-signed', certificate: certificate.pem });
    const second = await makeCertificate('d');
    const identity = await enter(byCertificate(certificate));
    const rotated = await registry.bus.request(rotateCredential, {
      ...base,
      deviceId: made.id,
      credentialId: identity.credentialId,
      rotation: { overlapSeconds: 3_600, certificate: second.pem },
    });
    const kept = await enter(byCertificate(second));
    expect(kept.credentialId).toBe(rotated.id);
    await change(identity, { status: 'revoked' });
    await goneWithin([[login, identity]]);
    expect(login.stillHolds(kept)).toBe(true);
  });

  it('ends it though it is given back at once, and who comes after that holds', async () => {
    const { username, password } = await withPassword();
    const identity = await enter(byPassword(username, password));
    await change(identity, { status: 'suspended' });
    await change(identity, { status: 'active' });
    const after = await enter(byPassword(username, password));
    await goneWithin([[login, identity]]);
    // Also when the event of the suspension came after its answer.
    await change(after, { status: 'active' });
    expect(login.stillHolds(await enter(byPassword(username, password)))).toBe(true);
    expect(login.stillHolds(after)).toBe(true);
  });

  it('in the moment of the login lets nobody stay', async () => {
    const rounds = Array.from({ length: 20 }, async () => {
      const { username, password } = await withPassword();
      const first = await enter(byPassword(username, password));
      const coming = Array.from({ length: 4 }, (_, n) =>
        enter(byPassword(username, password), n % 2 ? login : other),
      );
      const [, ...results] = await Promise.allSettled([change(first, { status: 'revoked' }), ...coming]);
      const entered = results.flatMap((one, n) =>
        one.status === 'fulfilled' ? [[n % 2 ? login : other, one.value] as const] : [],
      );
      await goneWithin([[login, first], ...entered]);
    });
    await Promise.all(rounds);
  });

  it('is also the device: suspended, deleted', async () => {
    const { id, username, password } = await withPassword();
    const identity = await enter(byPassword(username, password));
    await registry.bus.request(editDevice, { ...base, deviceId: id, edit: { status: 'suspended' } });
    await goneWithin([[login, identity]]);
    await registry.bus.request(editDevice, { ...base, deviceId: id, edit: { status: 'active' } });
    const again = await enter(byPassword(username, password));
    expect(login.stillHolds(again)).toBe(true);
    await registry.bus.request(deleteDevice, { ...base, deviceId: id });
    await goneWithin([[login, again]]);
    expect(await code(login.identify(byPassword(username, password)))).toBe('credential-unknown');
  });

  it('is also a time that is over', async () => {
    const validUntil = new Date(Date.now() + 1_500).toISOString();
    const { username, password } = await withPassword({ validUntil });
    const identity = await enter(byPassword(username, password));
    await eventually(() => !login.stillHolds(identity), { what: 'it is over', everyMs: 5 });
    expect(Date.now() - Date.parse(validUntil)).toBeLessThan(500);
    const short = await makeCertificate('d', { until: new Date(Date.now() + 2_500) });
    await registry.deviceWith({ kind: 'self-signed', certificate: short.pem });
    const pinned = await enter(byCertificate(short));
    expect(login.stillHolds(pinned)).toBe(true);
    await eventually(() => !login.stillHolds(pinned), { what: 'the certificate is over' });
  });

  it('while events could not be followed is found out when they can', async () => {
    const line = await cuttable(registry.service.nats.port);
    const far = await connectBus({ url: line.url, name: 'far', logger });
    const cut = open(far);
    await ready(cut);
    const [stays, goes] = [await withPassword(), await withPassword()];
    try {
      const holds = await enter(byPassword(stays.username, stays.password), cut);
      const identity = await enter(byPassword(goes.username, goes.password), cut);
      line.cut();
      await change(identity, { status: 'revoked' });
      // As when NATS has lost what it held: the event is gone, and who was to get it. Only to ask helps.
      const direct = await connect({ servers: registry.service.nats.url });
      const manager = await jetstreamManager(direct);
      const { name: stream } = eventStream('device-registry');
      await manager.streams.purge(stream);
      for await (const { name } of manager.consumers.list(stream))
        await manager.consumers.delete(stream, name);
      await direct.close();
      line.heal();
      await eventually(() => !cut.stillHolds(identity), { what: 'it is found out', deadlineMs: 20_000 });
      expect(cut.stillHolds(holds)).toBe(true);
    } finally {
      await cut.stop();
      await far.close();
      await line.close();
    }
  }, 60_000);
});

describe('certificates', () => {
  it('of an authority open by their subject, and a rogue key with the same subject, issuer and serial number does not', async () => {
    const { authority } = await authorityWith();
    const name = unique('signed');
    const made = await registry.deviceWith({ kind: 'ca-signed', subject: name }, name);
    const good = await makeCertificate(name, { by: authority, serialNumber: '0a0b0c' });
    const identity = await enter(byCertificate(good));
    expect(identity).toMatchObject({ deviceId: made.id, by: 'ca-signed' });
    const rogue = await makeCertificate(authority.name.replace('CN=', ''), { isAuthority: true });
    const forged = await makeCertificate(name, { by: rogue, serialNumber: '0a0b0c' });
    expect(await code(login.identify(byCertificate(forged)))).toBe('certificate-untrusted');
    expect(await code(login.identify(byCertificate(forged, authority)))).toBe('certificate-untrusted');
    expect(await code(login.identify(byCertificate(await makeCertificate(name))))).toBe(
      'certificate-untrusted',
    );
    expect(await code(login.identify(byCertificate(authority)))).toMatch(/^certificate-/);
  });

  it('end with their authority: suspended, deleted', async () => {
    const { id, authority } = await authorityWith();
    const names = [unique('signed'), unique('signed')];
    for (const name of names) await registry.deviceWith({ kind: 'ca-signed', subject: name }, name);
    const shownOnes = await Promise.all(
      names.map(async (name) => byCertificate(await makeCertificate(name, { by: authority }))),
    );
    const enterAll = () => Promise.all(shownOnes.map((one) => enter(one)));
    const first = await enterAll();
    const edit = (status: 'active' | 'suspended') =>
      registry.bus.request(editCertificateAuthority, { ...base, authorityId: id, edit: { status } });
    await edit('suspended');
    await goneWithin(first.map((one) => [login, one] as const));
    await edit('active');
    const second = await enterAll();
    expect(second.map((one) => login.stillHolds(one))).toEqual([true, true]);
    await registry.bus.request(deleteCertificateAuthority, { ...base, authorityId: id });
    await goneWithin(second.map((one) => [login, one] as const));
  });

  it('of an unknown subject make one device by the rule, also when twenty come at once through two doors', async () => {
    const deviceType = await registry.createType();
    const { authority } = await authorityWith({ enrolment: { deviceType, enabled: true, limit: 1 } });
    const name = unique('new');
    const one = await makeCertificate(name, { by: authority });
    const identities = await Promise.all(
      Array.from({ length: 20 }, (_, n) => enter(byCertificate(one), n % 2 ? login : other)),
    );
    expect(new Set(identities.map(({ deviceId }) => deviceId)).size).toBe(1);
    const [{ deviceId } = { deviceId: '' }] = identities;
    expect((await registry.bus.request(getDevice, { tenantId: base.tenantId, deviceId })).name).toBe(name);
    const second = await makeCertificate(unique('new'), { by: authority });
    expect(await code(login.identify(byCertificate(second)))).toBe('enrolment-limit-reached');
  });
});

describe('a fault of ours', () => {
  it('passes: no device-registry, no NATS', async () => {
    const empty = await startNats();
    const alone = await connectBus({ url: empty.url, name: 'alone', logger });
    const lonely = open(alone, { timeoutMs: 500 });
    expect(lonely.isReady()).toBe(false);
    expect(await code(lonely.identify(byPassword('a', 'long enough')))).toBe('unavailable');
    expect(await lonely.identify(shown({}))).toEqual({ kind: 'anonymous' });
    await lonely.stop();
    await alone.close();
    await empty.stop();
  });
});

/** A way to a server that can be cut off and healed. */
const cuttable = async (port: number) => {
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((socket) => {
    if (isCut) {
      socket.destroy();
      return;
    }
    const far = createConnection({ host: '127.0.0.1', port });
    for (const one of [socket, far]) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        socket.destroy();
        far.destroy();
      });
    }
    socket.pipe(far).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true;
      for (const socket of open) socket.destroy();
    },
    heal: () => {
      isCut = false;
    },
    close: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
};
