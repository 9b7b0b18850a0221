import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStream, isPassing, type JsonObject } from '@muster/contracts';
import {
  deleteCertificateAuthority,
  editCertificateAuthority,
  getCertificateAuthority,
  registerCertificateAuthority,
  verifyCertificateAuthority,
  type CertificateAuthorityInput,
  type CertificateAuthorityView,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import {
  authenticateDevice,
  checkCredentials,
  editCredential,
  issueCredential,
  listCredentials,
  rotateCredential,
  type AuthenticatedDevice,
  type CredentialInUse,
} from '@muster/contracts/device-registry/credentials.requests';
import { deleteDevice, editDevice, listDevices } from '@muster/contracts/device-registry/devices.requests';
import type { CredentialInput } from '@muster/contracts/device-registry/credential-input';
import {
  certificateAuthorityChanged,
  certificateAuthorityDeleted,
  deviceCredentialChanged,
  deviceDeleted,
  deviceStatusChanged,
} from '@muster/contracts/device-registry/published';
import { eventually } from '@muster/testing';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import {
  base,
  code,
  problem,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';
import { make, makeAuthority, makeOf, type Made } from './certificates.fixture.js';

let registry: RunningRegistry;
let deviceType: string;

beforeAll(async () => {
  registry = await startRegistry();
  deviceType = (await registry.createType()).id;
});
afterAll(() => registry.stop());

const deviceWith = (credential: CredentialInput, name = unique('device')) =>
  registry.provision({ deviceType, name, credential });
const byPassword = (username: string, password: string, remoteAddress?: string) =>
  registry.bus.request(authenticateDevice, {
    interface: 'mqtt',
    remoteAddress,
    password: { username, password },
  });
const byCertificate = (...chain: readonly Made[]) =>
  registry.bus.request(authenticateDevice, {
    interface: 'mqtt',
    certificate: { chain: chain.map(({ pem }) => pem) },
  });
const sha256Of = ({ pem }: Made): string =>
  createHash('sha256')
    .update(Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'))
    .digest('hex');
const change = (
  { deviceId, credentialId }: Pick<AuthenticatedDevice, 'deviceId' | 'credentialId'>,
  edit: { status?: 'active' | 'suspended' | 'revoked'; validFrom?: string; validUntil?: string | null },
) => registry.bus.request(editCredential, { ...base, deviceId, credentialId, edit });

/** What is published of `subject` until `found` is satisfied. */
const told = async (
  subject: string,
  found: (events: readonly JsonObject[]) => boolean,
): Promise<readonly JsonObject[]> => {
  const connection = await connect({ servers: registry.nats.url });
  try {
    return await eventually(
      async () => {
        const consumer = await jetstream(connection).consumers.get(eventStream('device-registry').name, {
          filter_subjects: subject,
        });
        const events: JsonObject[] = [];
        for await (const message of await consumer.fetch({ max_messages: 50, expires: 1_000 })) {
          events.push(message.json<JsonObject>());
        }
        return found(events) ? events : undefined;
      },
      { what: `events of ${subject}`, deadlineMs: 30_000 },
    );
  } finally {
    await connection.close();
  }
};
const lastOpens = async (subject: string, count: number): Promise<unknown> =>
  (await told(subject, (events) => events.length >= count)).at(-1)?.['opens'];

describe('a password', () => {
  it('that was generated opens, is shown once, and is kept nowhere', async () => {
    const made = await deviceWith({ kind: 'password' });
    const { username = '', password = '' } = made.credential;
    expect(made.credential).toEqual({
      kind: 'password',
      username: made.id,
      password: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(made.tokenOnly).toBe(false);
    const found = await byPassword(username, password);
    expect(found).toEqual({
      tenantId,
      deviceId: made.id,
      credentialId: expect.any(String),
      kind: 'password',
      deviceVersion: made.version,
      tokens: [made.token],
      validUntil: null,
    });
    expect(await registry.tablesWith(password)).toEqual([]);
    expect((await registry.accessOf(made.id))[0]?.credentialKinds).toEqual(['password']);
    await eventually(
      async () => {
        const { items } = await registry.bus.request(listCredentials, { tenantId, deviceId: made.id });
        return items[0]?.lastUsedAt === undefined ? undefined : items;
      },
      { what: 'the last use' },
    );
  });

  it('that was given opens, however often, and the first check alone is slow', async () => {
    const username = unique('user');
    await deviceWith({ kind: 'password', username, password: 'chosen by somebody' });
    await byPassword(username, 'chosen by somebody');
    const before = process.cpuUsage();
    await Promise.all(Array.from({ length: 50 }, () => byPassword(username, 'chosen by somebody')));
    const { user, system } = process.cpuUsage(before);
    // 50 slow checks would take some 10 s of a core.
    expect((user + system) / 1_000_000).toBeLessThan(5);
    expect(await registry.tablesWith('chosen by somebody')).toEqual([]);
  });

  it('is refused with one answer for what is unknown and what is wrong, and slowed by name and by address', async () => {
    const made = await deviceWith({ kind: 'password' });
    const { username = '', password: right = '' } = made.credential;
    await byPassword(username, right);
    const unknown = await problem(byPassword(unique('nobody'), 'x'));
    const wrong = await problem(byPassword(username, 'wrong and long'));
    expect([unknown.code, unknown.detail]).toEqual([wrong.code, wrong.detail]);
    expect(wrong.code).toBe('credential-unknown');
    for (let n = 1; n < 10; n += 1)
      expect(await code(byPassword(username, `guess ${n}`))).toBe('credential-unknown');
    expect(await code(byPassword(username, 'one more'))).toBe('too-many-requests');
    // Whoever was right before is not kept out by who guesses.
    expect((await byPassword(username, right)).deviceId).toBe(made.id);
    const codes = await Promise.all(
      Array.from({ length: 70 }, () => code(byPassword(unique('nobody'), 'x', '192.0.2.7'))),
    );
    expect(codes.filter((one) => one === 'credential-unknown')).toHaveLength(60);
    expect(codes.filter((one) => one === 'too-many-requests')).toHaveLength(10);
  });

  it('cannot be guessed at by many at once either', async () => {
    const made = await deviceWith({ kind: 'password', password: 'right and long' });
    const before = process.cpuUsage();
    const codes = await Promise.all(
      Array.from({ length: 150 }, (_, n) => code(byPassword(made.id, `guess ${n}`))),
    );
    const { user, system } = process.cpuUsage(before);
    // Who is not looked at in time is told so, or nothing.
    const refusals = ['credential-unknown', 'too-many-requests', 'unavailable', 'deadline-exceeded'];
    expect(codes.filter((one) => !refusals.includes(one))).toEqual([]);
    // Ten, one more in six seconds, and two that were under way at once.
    expect(codes.filter((one) => one === 'credential-unknown').length).toBeLessThan(20);
    // All 150 would take some 30 s of a core.
    expect((user + system) / 1_000_000).toBeLessThan(12);
  });

  it('is changed without a gap, then the one before is over, and a door is told so', async () => {
    const made = await deviceWith({ kind: 'password' });
    const { username = '', password: first = '' } = made.credential;
    const { credentialId } = await byPassword(username, first);
    const second = await registry.bus.request(rotateCredential, {
      ...base,
      deviceId: made.id,
      credentialId,
      rotation: { overlapSeconds: 8 },
    });
    expect(second.username).toBe(username);
    expect((await byPassword(username, first)).validUntil).toEqual(expect.any(String));
    expect((await byPassword(username, second.password ?? '')).credentialId).toBe(second.id);
    const subject = deviceCredentialChanged.subject(tenantId, made.id);
    const events = await told(subject, (all) =>
      all.some((one) => one['credentialId'] === credentialId && one['opens'] === false),
    );
    expect(events.map((one) => [one['credentialId'], one['status'], one['opens']])).toEqual([
      [credentialId, 'active', true],
      [second.id, 'active', true],
      [credentialId, 'active', true],
      [credentialId, 'active', false],
    ]);
    expect(await code(byPassword(username, first))).toBe('credential-expired');
    expect((await byPassword(username, second.password ?? '')).credentialId).toBe(second.id);
  });

  it.each([
    ['suspended', 'credential-suspended'],
    ['revoked', 'credential-revoked'],
  ] as const)('that is %s opens nothing at once, and a door is told so', async (status, refusal) => {
    const made = await deviceWith({ kind: 'password' });
    const { username = '', password = '' } = made.credential;
    const found = await byPassword(username, password);
    for (let twice = 0; twice < 2; twice += 1) await change(found, { status });
    expect(await code(byPassword(username, password))).toBe(refusal);
    expect(await lastOpens(deviceCredentialChanged.subject(tenantId, made.id), 2)).toBe(false);
  });

  it('opens at its time', async () => {
    const soon = new Date(Date.now() + 5_000).toISOString();
    const made = await deviceWith({ kind: 'password', validFrom: soon });
    const { username = '', password = '' } = made.credential;
    expect(await code(byPassword(username, password))).toBe('credential-not-yet-valid');
    expect(await lastOpens(deviceCredentialChanged.subject(tenantId, made.id), 2)).toBe(true);
    expect((await byPassword(username, password)).deviceId).toBe(made.id);
    const sleeping = await deviceWith({ kind: 'password', status: 'inactive' });
    expect(await code(byPassword(sleeping.id, sleeping.credential.password ?? ''))).toBe(
      'credential-inactive',
    );
  });

  it('has a user name that no other device has', async () => {
    const username = unique('user');
    const made = await deviceWith({ kind: 'password', username });
    expect(await code(deviceWith({ kind: 'password', username }))).toBe('username-taken');
    await registry.bus.request(issueCredential, {
      ...base,
      deviceId: made.id,
      credential: { kind: 'password', username },
    });
    await registry.bus.request(deleteDevice, { ...base, deviceId: made.id });
    expect((await deviceWith({ kind: 'password', username })).credential.username).toBe(username);
  });
});

describe('a device', () => {
  it('that is suspended or deleted opens nothing, and a door is told so', async () => {
    const made = await deviceWith({ kind: 'password' });
    const { username = '', password = '' } = made.credential;
    const edit = (status: 'active' | 'suspended') =>
      registry.bus.request(editDevice, { ...base, deviceId: made.id, edit: { status } });
    expect((await edit('suspended')).status).toBe('suspended');
    expect(await code(byPassword(username, password))).toBe('device-suspended');
    expect((await registry.accessOf(made.id))[0]?.deviceStatus).toBe('suspended');
    expect(await lastOpens(deviceStatusChanged.subject(tenantId, made.id), 1)).toBe(false);
    await edit('active');
    expect((await byPassword(username, password)).deviceId).toBe(made.id);
    await registry.bus.request(deleteDevice, { ...base, deviceId: made.id });
    expect(await code(byPassword(username, password))).toBe('credential-unknown');
    await told(deviceDeleted.subject(tenantId, made.id), (events) => events.length === 1);
  });

  it('of its token alone becomes one of its password alone when an operator says so', async () => {
    const made = await registry.provision({ deviceType });
    const kinds = async () => (await registry.accessOf(made.id))[0]?.credentialKinds;
    await registry.bus.request(issueCredential, {
      ...base,
      deviceId: made.id,
      credential: { kind: 'password' },
    });
    expect(await kinds()).toEqual(['token', 'password']);
    await registry.bus.request(editDevice, { ...base, deviceId: made.id, edit: { tokenOnly: false } });
    expect(await kinds()).toEqual(['password']);
  });
});

describe('a door that may have missed events', () => {
  it('asks who may stay', async () => {
    const [stays, suspended, gone] = [
      await deviceWith({ kind: 'password' }),
      await deviceWith({ kind: 'password' }),
      await deviceWith({ kind: 'password' }),
    ];
    const enter = async ({ credential: { username = '', password = '' } }: typeof stays) =>
      byPassword(username, password);
    const found = [await enter(stays), await enter(suspended), await enter(gone)];
    const [first, second] = found;
    if (first === undefined || second === undefined) throw new Error('nobody came in');
    await change(second, { status: 'suspended' });
    await registry.bus.request(deleteDevice, { ...base, deviceId: gone.id });
    const ask = async (uses: readonly CredentialInUse[]) =>
      (await registry.bus.request(checkCredentials, { interface: 'mqtt', uses: [...uses] })).open;
    const uses = found.map(({ deviceId, credentialId }) => ({ tenantId, deviceId, credentialId }));
    expect(await ask(uses)).toEqual([true, false, false]);
    // Who came by an authority goes with it.
    const { id: authorityId } = await verified(await makeAuthority('to be suspended'));
    const signed = uses.slice(0, 1).map((use) => ({ ...use, authorityId }));
    expect(await ask(signed)).toEqual([true]);
    await registry.bus.request(editCertificateAuthority, {
      ...base,
      authorityId,
      edit: { status: 'suspended' },
    });
    expect(await ask([...signed, ...uses])).toEqual([false, true, false, false]);
    await registry.bus.request(deleteCertificateAuthority, { ...base, authorityId });
    expect(await ask(signed)).toEqual([false]);
    expect(await ask([])).toEqual([]);
  });

  it('tells events of after an answer by the version', async () => {
    const made = await deviceWith({ kind: 'password' });
    const { username = '', password = '' } = made.credential;
    const before = await byPassword(username, password);
    await change(before, { status: 'suspended' });
    await change(before, { status: 'active' });
    const after = await byPassword(username, password);
    const events = await told(deviceCredentialChanged.subject(tenantId, made.id), (all) => all.length >= 3);
    const closed = events.find((one) => one['opens'] === false)?.['version'];
    expect(closed).toBe(before.deviceVersion + 1);
    expect(after.deviceVersion).toBe(before.deviceVersion + 2);
  });
});

describe('a self-signed certificate', () => {
  it('opens by its SHA-256, two at once, and no other with the same name', async () => {
    const [one, two, rogue] = [
      await make({ name: 'd' }),
      await make({ name: 'd' }),
      await make({ name: 'd' }),
    ];
    const made = await deviceWith({ kind: 'self-signed', certificate: one.pem });
    await registry.bus.request(issueCredential, {
      ...base,
      deviceId: made.id,
      credential: { kind: 'self-signed', sha256: sha256Of(two) },
    });
    const found = await byCertificate(one);
    expect(found).toMatchObject({ deviceId: made.id, kind: 'self-signed', tokens: [made.token] });
    expect(found.validUntil).not.toBeNull();
    expect((await byCertificate(two)).deviceId).toBe(made.id);
    expect(await code(byCertificate(rogue))).toBe('certificate-untrusted');
    expect(await code(deviceWith({ kind: 'self-signed', certificate: one.pem }))).toBe('certificate-taken');
    await change(found, { status: 'revoked' });
    expect(await code(byCertificate(one))).toBe('credential-revoked');
    expect((await byCertificate(two)).deviceId).toBe(made.id);
  });

  it('is over when it says so, though only its hash is known', async () => {
    const old = await make({ name: 'd', days: [-2, -1] });
    await deviceWith({ kind: 'self-signed', sha256: sha256Of(old) });
    expect(await code(byCertificate(old))).toBe('certificate-expired');
  });
});

/** As a door asks: again, where the answer was none. */
const patiently = async (shown: Made): Promise<AuthenticatedDevice> => {
  for (;;) {
    try {
      return await byCertificate(shown);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
};

/** One whose key was shown to be the tenant's. */
const verified = async (
  authority: Made,
  more: Partial<CertificateAuthorityInput> = {},
): Promise<CertificateAuthorityView> => {
  const registered = await registry.bus.request(registerCertificateAuthority, {
    ...base,
    authority: { name: unique('authority'), certificate: authority.pem, ...more },
  });
  const shown = await makeOf(authority, registered.verificationCode ?? '');
  return registry.bus.request(verifyCertificateAuthority, {
    ...base,
    authorityId: registered.id,
    verification: { certificate: shown.pem },
  });
};
const edited = (authorityId: string, edit: object) =>
  registry.bus.request(editCertificateAuthority, { ...base, authorityId, edit });

describe('a certificate authority', () => {
  it('opens nothing until the possession of its key is shown', async () => {
    const [authority, rogue] = [await makeAuthority(unique('ca')), await makeAuthority(unique('ca'))];
    const name = unique('device');
    await registry.provision({ deviceType, name });
    const registered = await registry.bus.request(registerCertificateAuthority, {
      ...base,
      authority: { name: unique('authority'), certificate: authority.pem },
    });
    expect(registered).toMatchObject({ status: 'unverified', subject: { from: 'cn', is: 'name' } });
    expect(await code(byCertificate(await makeOf(authority, name)))).toBe('certificate-untrusted');
    const verify = async (shown: Made) =>
      registry.bus.request(verifyCertificateAuthority, {
        ...base,
        authorityId: registered.id,
        verification: { certificate: shown.pem },
      });
    const nonce = registered.verificationCode ?? '';
    expect(await code(verify(await makeOf(authority, 'another name')))).toBe('possession-not-shown');
    expect(await code(verify(await makeOf(rogue, nonce)))).toBe('possession-not-shown');
    const sameName = await makeAuthority(authority.name.slice(3));
    expect(await code(verify(await makeOf(sameName, nonce)))).toBe('possession-not-shown');
    for (let twice = 0; twice < 2; twice += 1) {
      const now = await verify(await makeOf(authority, nonce));
      expect([now.status, now.verificationCode]).toEqual(['active', undefined]);
    }
    expect(await byCertificate(await makeOf(authority, name))).toMatchObject({ authorityId: registered.id });
  });

  it.each([
    ['is none', { ca: false }],
    ['has expired', { days: [-2, -1] as const }],
  ])('that %s is refused', async (_what, more) => {
    const { pem } = await makeAuthority(unique('ca'), more);
    const refused = await problem(
      registry.bus.request(registerCertificateAuthority, {
        ...base,
        authority: { name: unique('authority'), certificate: pem },
      }),
    );
    expect([refused.code, refused.errors?.[0]?.path]).toEqual(['invalid-request', 'authority.certificate']);
  });

  it('is renewed with the same key and name: of two, the one that is open vouches', async () => {
    const authority = await makeAuthority(unique('ca'));
    const old = await verified(authority);
    const renewed = await verified(await makeAuthority(authority.name.slice(3), { keys: authority.keys }));
    const name = unique('device');
    await registry.provision({ deviceType, name });
    const shown = await makeOf(authority, name);
    expect(await byCertificate(shown)).toMatchObject({ authorityId: old.id });
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    await edited(old.id, { validFrom: tomorrow });
    expect(await byCertificate(shown)).toMatchObject({ authorityId: renewed.id });
    await edited(renewed.id, { validFrom: tomorrow });
    expect(await code(byCertificate(shown))).toBe('certificate-authority-closed');
  });

  it('names devices, which keep a credential of their own', async () => {
    const authority = await makeAuthority(unique('ca'));
    const { id: authorityId } = await verified(authority);
    const name = unique('device');
    const made = await registry.provision({ deviceType, name });
    const found = await byCertificate(await makeOf(authority, name));
    expect(found).toMatchObject({ deviceId: made.id, kind: 'ca-signed', authorityId, tokens: [made.token] });
    // Another certificate for the same subject is the same credential: certificates are renewed without us.
    expect((await byCertificate(await makeOf(authority, name))).credentialId).toBe(found.credentialId);
    expect(await code(byCertificate(await makeOf(authority, unique('nobody'))))).toBe('certificate-unknown');
    await change(found, { status: 'revoked' });
    expect(await code(byCertificate(await makeOf(authority, name)))).toBe('credential-revoked');
  });

  it('names them by serial number in its alternative names, where it says so', async () => {
    const authority = await makeAuthority(unique('ca'));
    await verified(authority, { subject: { from: 'san-dns', is: 'serialNumber' } });
    const serialNumber = unique('sn');
    const made = await registry.provision({ deviceType, serialNumber });
    const shown = await makeOf(authority, 'whatever', { dns: [serialNumber] });
    expect((await byCertificate(shown)).deviceId).toBe(made.id);
    expect(await code(byCertificate(await makeOf(authority, serialNumber)))).toBe('certificate-invalid');
  });

  it('is not taken for another with its name, nor where a device names one', async () => {
    const [mine, other] = [await makeAuthority(unique('ca')), await makeAuthority(unique('ca'))];
    const [{ id: mineId }] = [await verified(mine), await verified(other)];
    const rogue = await makeAuthority(mine.name.slice(3), { serialNumber: '01' });
    const subject = unique('subject');
    await deviceWith({ kind: 'ca-signed', subject, authorityId: mineId });
    expect((await byCertificate(await makeOf(mine, subject))).authorityId).toBe(mineId);
    expect(await code(byCertificate(await makeOf(other, subject)))).toBe('certificate-unknown');
    expect(await code(byCertificate(await makeOf(rogue, subject)))).toBe('certificate-untrusted');
    expect(await code(byCertificate(await makeOf(rogue, subject), rogue))).toBe('certificate-untrusted');
  });

  it('that is suspended, over or deleted opens nothing, and a door is told so', async () => {
    const authority = await makeAuthority(unique('ca'));
    const { id } = await verified(authority);
    const name = unique('device');
    await registry.provision({ deviceType, name });
    const shown = await makeOf(authority, name);
    await byCertificate(shown);
    const subject = certificateAuthorityChanged.subject(tenantId, id);
    await edited(id, { status: 'suspended' });
    expect(await code(byCertificate(shown))).toBe('certificate-authority-closed');
    expect(await lastOpens(subject, 3)).toBe(false);
    await edited(id, { status: 'active' });
    const validUntil = new Date(Date.now() + 5_000).toISOString();
    await edited(id, { validUntil });
    expect((await byCertificate(shown)).validUntil).toBe(validUntil);
    expect(await lastOpens(subject, 6)).toBe(false);
    expect(await code(byCertificate(shown))).toBe('certificate-authority-closed');
    for (let twice = 0; twice < 2; twice += 1) {
      await registry.bus.request(deleteCertificateAuthority, { ...base, authorityId: id });
    }
    expect(await code(byCertificate(shown))).toBe('certificate-untrusted');
    await told(certificateAuthorityDeleted.subject(tenantId, id), (events) => events.length === 1);
  });
});

describe('enrolment by a certificate', () => {
  const rule = { deviceType: '', folder: '/new', tags: ['fresh'], enabled: true };
  const named = async (name: string) =>
    (await registry.bus.request(listDevices, { tenantId, filter: `name==${name}` })).items;

  it('makes exactly one device, also when twenty come at once', async () => {
    const authority = await makeAuthority(unique('ca'));
    const { id } = await verified(authority, { enrolment: { ...rule, deviceType } });
    const name = unique('sn');
    const chains = await Promise.all(Array.from({ length: 20 }, () => makeOf(authority, name)));
    const found = await Promise.all(chains.map(patiently));
    expect(new Set(found.map(({ deviceId, credentialId }) => `${deviceId} ${credentialId}`)).size).toBe(1);
    expect(found[0]?.tokens).toEqual([name]);
    const [made, ...others] = await named(name);
    expect(others).toEqual([]);
    expect(made).toMatchObject({ folder: '/new', tags: ['fresh'], status: 'active', tokenOnly: false });
    const { enrolment } = await registry.bus.request(getCertificateAuthority, { tenantId, authorityId: id });
    expect(enrolment?.enrolled).toBe(1);
  });

  it('keeps to its limit, also when twenty come at once', async () => {
    const authority = await makeAuthority(unique('ca'));
    const { id } = await verified(authority, { enrolment: { ...rule, deviceType, limit: 5 } });
    const chains = await Promise.all(Array.from({ length: 20 }, () => makeOf(authority, unique('sn'))));
    const outcomes = await Promise.all(
      chains.map((shown) =>
        patiently(shown).then(
          () => 'made',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    );
    expect(outcomes.filter((one) => one === 'made')).toHaveLength(5);
    expect(outcomes.filter((one) => one === 'enrolment-limit-reached')).toHaveLength(15);
    const { enrolment } = await registry.bus.request(getCertificateAuthority, { tenantId, authorityId: id });
    expect(enrolment?.enrolled).toBe(5);
  });

  it('is refused where the rule is off, and leaves nothing', async () => {
    const authority = await makeAuthority(unique('ca'));
    const { id } = await verified(authority, { enrolment: { ...rule, deviceType, enabled: false } });
    const name = unique('sn');
    expect(await code(byCertificate(await makeOf(authority, name)))).toBe('enrolment-disabled');
    await edited(id, { enrolment: null });
    expect(await code(byCertificate(await makeOf(authority, name)))).toBe('certificate-unknown');
    expect(await named(name)).toEqual([]);
  });

  it('waits for an approval where the type says so', async () => {
    const type = await registry.createType({ settings: { enrolmentNeedsApproval: true } });
    const authority = await makeAuthority(unique('ca'));
    await verified(authority, { enrolment: { ...rule, deviceType: type.name } });
    const shown = await makeOf(authority, unique('sn'));
    expect(await code(byCertificate(shown))).toBe('device-pending');
    const { items } = await registry.bus.request(listDevices, {
      tenantId,
      filter: `status==pending;deviceType==${type.name}`,
    });
    expect(items).toHaveLength(1);
    await registry.bus.request(editDevice, {
      ...base,
      deviceId: items[0]?.id ?? '',
      edit: { status: 'active' },
    });
    expect((await byCertificate(shown)).deviceId).toBe(items[0]?.id);
  });
});

describe('what devices show', () => {
  it('is in no event and no published event', async () => {
    const made = await deviceWith({ kind: 'password', password: 'seen by nobody' });
    await byPassword(made.id, 'seen by nobody');
    expect(await registry.tablesWith('seen by nobody')).toEqual([]);
    const { rows } = await registry.database.query<{ hash: string }>('SELECT hash FROM device_passwords');
    for (const { hash } of rows) expect(await registry.tablesWith(hash)).toEqual(['device_passwords']);
  });

  it('must be one of two', async () => {
    const ask = (body: object) =>
      code(registry.bus.request(authenticateDevice, { interface: 'mqtt', ...body }));
    expect(await ask({})).toBe('invalid-request');
    expect(await ask({ certificate: { chain: ['x'] } })).toBe('certificate-invalid');
  });
});
