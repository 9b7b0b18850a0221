import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  eventually,
  freePort,
  mosquittoPub,
  mosquittoRr,
  mqttUrl,
  startPlatform,
  type MosquittoResult,
  type Platform,
} from '@muster/testing';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { makeCertificate, type Made } from './login/certificates.fixture.js';
import { unique } from './login/registry.fixture.js';

/** The whole platform, and each kind of credential by clients of others. */
let platform: Platform;
let directory: string;
let tlsPort: number;
let ca: string;
const TYPE = 'door';
const TOPIC = (token: string): string => `kp1/${TYPE}-v1/dcx/${token}/json/1`;

interface Made201 {
  readonly id: string;
  readonly token: string;
  readonly credential: { readonly username: string; readonly password: string };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-credentials-'));
  tlsPort = await freePort();
  ca = join(directory, 'tls', 'ca.pem');
  platform = await startPlatform({
    MUSTER_MQTT_TLS_PORT: String(tlsPort),
    MUSTER_MQTT_TLS_DIRECTORY: join(directory, 'tls'),
  });
  await made('/device-types', { name: TYPE });
}, 120_000);
const clients: MqttClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
});
afterAll(async () => {
  await platform.stop();
  await rm(directory, { recursive: true });
});

const made = async <T = Made201>(path: string, body: unknown): Promise<T> => {
  const answer = await platform.api('POST', path, body);
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as T;
};
const patch = async (path: string, body: unknown): Promise<void> => {
  const answer = await platform.api('PATCH', path, body);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
};
const deviceWith = (credential?: object, name = unique('d')): Promise<Made201> =>
  made('/devices', {
    name,
    deviceType: TYPE,
    token: name,
    ...(credential === undefined ? {} : { credential }),
  });
const credentialOf = async (deviceId: string, index = 0): Promise<string> => {
  const { body } = await platform.api('GET', `/devices/${deviceId}/credentials`);
  return (body as { items: { id: string }[] }).items[index]?.id ?? '';
};
const files = async (one: Made): Promise<string[]> => {
  const base = join(directory, unique('shown'));
  await writeFile(`${base}.pem`, one.pem);
  await writeFile(`${base}.key`, one.key, { mode: 0o600 });
  return ['--cert', `${base}.pem`, '--key', `${base}.key`];
};
const publish = (token: string, ...more: readonly string[]): Promise<MosquittoResult> =>
  mosquittoPub(['-V', '311', '-q', '1', '-t', TOPIC(token), '-m', '{"temperature": 21}', ...more]);
const overTls = (): string[] => ['-h', '127.0.0.1', '-p', String(tlsPort), '--cafile', ca];
const stored = (deviceId: string): Promise<true> =>
  eventually(
    async () => {
      const { body } = await platform.api('GET', `/devices/${deviceId}/telemetry/latest`);
      return JSON.stringify(body).includes('temperature') ? true : undefined;
    },
    { what: 'the sample is stored' },
  );
const connect = async (
  options: IClientOptions,
  url = `mqtts://127.0.0.1:${tlsPort}`,
): Promise<MqttClient> => {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, rejectUnauthorized: false, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
};
/** Milliseconds from `takeBack` until the connection is closed. */
const closedAfter = async (client: MqttClient, takeBack: () => Promise<unknown>): Promise<number> => {
  let closedAt: number | undefined;
  client.once('close', () => (closedAt = performance.now()));
  const began = performance.now();
  await takeBack();
  await eventually(() => closedAt !== undefined, { what: 'the connection is closed', everyMs: 5 });
  return (closedAt ?? Infinity) - began;
};
const authority = async (more: object = {}): Promise<{ readonly id: string; readonly key: Made }> => {
  const key = await makeCertificate(unique('authority'), { isAuthority: true });
  const registered = await made<{ id: string; verificationCode: string }>('/certificate-authorities', {
    name: unique('authority'),
    certificate: key.pem,
    ...more,
  });
  const proof = await makeCertificate(registered.verificationCode, { by: key });
  await made(`/certificate-authorities/${registered.id}/verify`, { certificate: proof.pem });
  return { id: registered.id, key };
};

describe('a password', () => {
  it('lets mosquitto in, plain and over TLS, and a wrong one is called so', async () => {
    const device = await deviceWith({ kind: 'password' });
    const { username, password } = device.credential;
    expect(await publish(device.token, '-u', username, '-P', password)).toMatchObject({
      code: 0,
      stderr: '',
    });
    await stored(device.id);
    expect(await publish(device.token, '-u', username, '-P', password, ...overTls())).toMatchObject({
      code: 0,
    });
    const wrong = await publish(device.token, '-u', username, '-P', 'wrong and long');
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr + wrong.stdout).toContain('bad user name or password');
    // Its token alone is not enough, and another device's token is none of its own.
    const other = await deviceWith({ kind: 'password' });
    const client = await connect({ username, password }, mqttUrl());
    const said: unknown[] = [];
    client.on('message', (topic, payload) => said.push(topic, JSON.parse(payload.toString())));
    await client.publishAsync(TOPIC(other.token), '{"temperature": 1}', { qos: 1 });
    await eventually(() => said.length > 0, { what: 'it is told so' });
    expect(said).toEqual([`${TOPIC(other.token)}/error`, expect.objectContaining({ statusCode: 401 })]);
  });
});

describe('a certificate', () => {
  it('of its own lets mosquitto in, and no other with the same name, issuer and serial number', async () => {
    const name = unique('self');
    const own = await makeCertificate(name, { serialNumber: '0a0b' });
    const device = await deviceWith({ kind: 'self-signed', certificate: own.pem }, name);
    expect(await publish(device.token, ...overTls(), ...(await files(own)))).toMatchObject({ code: 0 });
    await stored(device.id);
    const forged = await makeCertificate(name, { serialNumber: '0a0b' });
    const refused = await publish(device.token, ...overTls(), ...(await files(forged)));
    expect(refused.code).not.toBe(0);
    expect(refused.stderr + refused.stdout).toMatch(/bad user name|not authorised/i);
  });

  it('of an authority lets mosquitto in, and one that a rogue key has signed for a known subject does not', async () => {
    const { key } = await authority();
    const name = unique('signed');
    const device = await deviceWith({ kind: 'ca-signed', subject: name }, name);
    const good = await makeCertificate(name, { by: key, serialNumber: '0c0d' });
    expect(await publish(device.token, ...overTls(), ...(await files(good)))).toMatchObject({ code: 0 });
    await stored(device.id);
    const rogue = await makeCertificate(key.name.replace('CN=', ''), { isAuthority: true });
    const forged = await makeCertificate(name, { by: rogue, serialNumber: '0c0d' });
    expect((await publish(device.token, ...overTls(), ...(await files(forged)))).code).not.toBe(0);
  });

  it('makes one device of an unknown name, though twenty connections come at once', async () => {
    const { key } = await authority({ enrolment: { deviceType: TYPE, enabled: true, limit: 5 } });
    const name = unique('new');
    const one = await makeCertificate(name, { by: key });
    const all = await Promise.all(Array.from({ length: 20 }, () => connect({ cert: one.pem, key: one.key })));
    expect(all.map(({ connected }) => connected)).toEqual(all.map(() => true));
    // Its token is its name: it knows its topics without having been told.
    await Promise.all(
      all.map((client) => client.publishAsync(TOPIC(name), '{"temperature": 1}', { qos: 1 })),
    );
    const { body } = await platform.api('GET', `/devices?filter=name==${name}`);
    const { items } = body as { items: { id: string }[] };
    expect(items).toHaveLength(1);
    await stored(items[0]?.id ?? '');
  });
});

describe('a rotation', () => {
  const OVERLAP_SECONDS = 1;

  /** Sends numbers one after another, all the time, and comes back by itself when its connection ends. */
  const sender = async (first: { readonly token: string; readonly shown: IClientOptions }) => {
    const client = await connect({ ...first.shown, reconnectPeriod: 20 });
    let { token } = first;
    const stopping = new AbortController();
    let closed = 0;
    client.on('close', () => (closed += 1));
    const sending = (async () => {
      let n = 0;
      let longestMs = 0;
      for (; !stopping.signal.aborted; n += 1) {
        const began = performance.now();
        // With a time of its own, so that what is sent again is the same sample.
        const sample = JSON.stringify({ n, ts: new Date().toISOString() });
        await client.publishAsync(TOPIC(token).replace(/\/1$/, ''), sample, { qos: 1 });
        longestMs = Math.max(longestMs, performance.now() - began);
      }
      return { sent: n, longestMs };
    })();
    return {
      ends: () => closed,
      /** What it shows from its next connection on, or says from its next message on. */
      is: (next: { readonly token?: string; readonly shown?: IClientOptions }) => {
        token = next.token ?? token;
        Object.assign(client.options, next.shown);
      },
      stop: () => {
        stopping.abort();
        return sending;
      },
    };
  };

  const storedNumbers = async (deviceId: string): Promise<number[]> => {
    const { body } = await platform.api('GET', `/devices/${deviceId}/telemetry?keys=n&limit=10000`);
    const { series } = body as { series: { key: string; points: [string, number][] }[] };
    return series.flatMap(({ points }) => points.map(([, n]) => n)).sort((one, other) => one - other);
  };

  /** `rotate` resolves when what it took the place of opens nothing any more. */
  const rotated = async (
    device: Made201,
    shown: IClientOptions,
    rotate: (at: Awaited<ReturnType<typeof sender>>) => Promise<void>,
  ): Promise<number> => {
    const at = await sender({ token: device.token, shown });
    await rotate(at);
    await eventually(() => at.ends() > 0, { what: 'its first connection is over', deadlineMs: 6_000 });
    await sleep(200);
    const { sent, longestMs } = await at.stop();
    const all = Array.from({ length: sent }, (_, n) => n);
    await eventually(async () => (await storedNumbers(device.id)).length === sent, { what: 'all is stored' });
    expect(await storedNumbers(device.id)).toEqual(all);
    return longestMs;
  };
  const inPlace = async (device: Made201, next: object): Promise<{ readonly password: string }> =>
    made(`/devices/${device.id}/credentials/${await credentialOf(device.id)}/rotate`, {
      overlapSeconds: OVERLAP_SECONDS,
      ...next,
    });

  it('loses nothing of a client that publishes all the time: password, certificate, token', async () => {
    const byPassword = await deviceWith({ kind: 'password' });
    const [own, renewed] = [await makeCertificate('own'), await makeCertificate('own')];
    const byOwn = await deviceWith({ kind: 'self-signed', certificate: own.pem });
    const byToken = await deviceWith();
    const longest = await Promise.all([
      rotated(byPassword, byPassword.credential, async (at) => {
        const { password } = await inPlace(byPassword, {});
        at.is({ shown: { password } });
      }),
      rotated(byOwn, { cert: own.pem, key: own.key }, async (at) => {
        await inPlace(byOwn, { certificate: renewed.pem });
        at.is({ shown: { cert: renewed.pem, key: renewed.key } });
      }),
      rotated(byToken, {}, async (at) => {
        const { body } = await platform.api('GET', `/devices/${byToken.id}/tokens`);
        const [first] = (body as { items: { id: string }[] }).items;
        const { token } = await made<{ token: string }>(`/devices/${byToken.id}/tokens`, {});
        at.is({ token });
        await sleep(OVERLAP_SECONDS * 1_000);
        await patch(`/devices/${byToken.id}/tokens/${first?.id ?? ''}`, { status: 'revoked' });
      }),
    ]);
    // It waited for nothing but its own way back.
    expect(Math.max(...longest)).toBeLessThan(2_000);
  });
});

describe('what is taken back', () => {
  it('ends the live connection within two seconds: password, certificate, authority, device, token', async () => {
    const byPassword = await deviceWith({ kind: 'password' });
    const own = await makeCertificate('own');
    const byOwn = await deviceWith({ kind: 'self-signed', certificate: own.pem });
    const { id: authorityId, key } = await authority();
    const name = unique('signed');
    await deviceWith({ kind: 'ca-signed', subject: name }, name);
    const signed = await makeCertificate(name, { by: key });
    const byToken = await deviceWith();
    const suspended = await deviceWith({ kind: 'password' });

    const password = await connect(byPassword.credential);
    const certificate = await connect({ cert: own.pem, key: own.key });
    const ofAuthority = await connect({ cert: signed.pem, key: signed.key });
    const ofDevice = await connect(suspended.credential);
    const token = await connect({});
    await token.publishAsync(TOPIC(byToken.token), '{"temperature": 1}', { qos: 1 });
    const tokens = await platform.api('GET', `/devices/${byToken.id}/tokens`);
    const tokenId = (tokens.body as { items: { id: string }[] }).items[0]?.id ?? '';

    const revoke = async (deviceId: string) =>
      patch(`/devices/${deviceId}/credentials/${await credentialOf(deviceId)}`, { status: 'revoked' });
    const took = {
      password: await closedAfter(password, () => revoke(byPassword.id)),
      certificate: await closedAfter(certificate, () => revoke(byOwn.id)),
      authority: await closedAfter(ofAuthority, () =>
        patch(`/certificate-authorities/${authorityId}`, { status: 'suspended' }),
      ),
      device: await closedAfter(ofDevice, () => patch(`/devices/${suspended.id}`, { status: 'suspended' })),
      token: await closedAfter(token, () =>
        patch(`/devices/${byToken.id}/tokens/${tokenId}`, { status: 'revoked' }),
      ),
    };
    const times = Object.entries(took).map(([what, ms]) => `${what} ${ms.toFixed(0)} ms`);
    process.stderr.write(`taken back, and the connection ended after: ${times.join(', ')}\n`);
    expect(Math.max(...Object.values(took))).toBeLessThan(2_000);
    // And nobody comes back by them.
    await expect(connect(byPassword.credential)).rejects.toThrow(/not authorized/i);
    await expect(connect({ cert: own.pem, key: own.key })).rejects.toThrow(/not authorized/i);
  });
});

describe('an endpoint token with an end', () => {
  it('ends the connection that came by it within two seconds of it, and says when it was last used', async () => {
    const device = await deviceWith();
    const validUntil = new Date(Date.now() + 2_500).toISOString();
    const { id, token } = await made<{ id: string; token: string }>(`/devices/${device.id}/tokens`, {
      validUntil,
    });
    const client = await connect({}, mqttUrl());
    await client.publishAsync(TOPIC(token), '{"temperature": 1}', { qos: 1 });
    await stored(device.id);
    await closedAfter(client, () => Promise.resolve());
    const late = Date.now() - Date.parse(validUntil);
    expect(late).toBeGreaterThan(-50);
    expect(late).toBeLessThan(2_000);
    const { body } = await platform.api('GET', `/devices/${device.id}/tokens/${id}`);
    expect(body).toMatchObject({ validUntil, lastUsedAt: expect.any(String) as unknown });
  });
});

describe('a device whose interface changes', () => {
  const connectivity = async (id: string): Promise<{ connected: boolean | null }> =>
    (await platform.api('GET', `/devices/${id}/connectivity`)).body as { connected: boolean | null };
  const fetchDocument = async (token: string, secret: string): Promise<[number, unknown]> => {
    const response = await fetch(`${platform.devicesUrl}/kp1/${TYPE}-v1/cmx/${token}/config/json`, {
      method: 'POST',
      body: '{}',
      headers: { authorization: `Bearer ${secret}` },
    });
    return [response.status, response.ok ? ((await response.json()) as { config: unknown }).config : null];
  };

  it('loses its connection, finds its document behind the other door, and comes back by what it had', async () => {
    const device = await deviceWith({ kind: 'password' });
    const path = `/devices/${device.id}`;
    const client = await connect(device.credential);
    expect(await closedAfter(client, () => patch(path, { interface: 'http' }))).toBeLessThan(2_000);
    await expect(connect(device.credential)).rejects.toThrow(/not authorized/i);
    expect(await connectivity(device.id)).toMatchObject({ interface: 'http', connected: null });
    await patch(`${path}/configuration/desired`, { limit: 7 });

    const { secret } = await made<{ secret: string }>(`${path}/credentials`, { kind: 'secret' });
    await eventually(async () => (await fetchDocument(device.token, secret))[0] === 200, {
      what: 'HTTP is open',
    });
    expect(await fetchDocument(device.token, secret)).toEqual([200, { limit: 7 }]);

    await patch(`${path}/configuration/desired`, { limit: 8 });
    await patch(path, { interface: 'mqtt' });
    await eventually(async () => (await fetchDocument(device.token, secret))[0] === 401, {
      what: 'HTTP is closed',
    });
    const back = await connect(device.credential);
    const pushed = new Promise<string>((resolve) =>
      back.on('message', (_topic, payload) => resolve(payload.toString())),
    );
    await back.subscribeAsync(`kp1/${TYPE}-v1/cmx/${device.token}/config/json/status`, { qos: 1 });
    expect(JSON.parse(await pushed)).toMatchObject({ config: { limit: 8 } });
    await eventually(async () => (await connectivity(device.id)).connected === true, {
      what: 'it is connected',
    });
  });

  it('is refused one that this installation does not serve, in words', async () => {
    const { id } = await deviceWith();
    const { status, body } = await platform.api('PATCH', `/devices/${id}`, { interface: 'iothub' });
    expect([status, body]).toMatchObject([
      400,
      {
        errors: [
          {
            path: 'interface',
            message: 'must be another: no IoT Hub takes devices of this type; add one at /iot-hubs',
          },
        ],
      },
    ]);
  });
});

describe('a device behind a gateway', () => {
  it('is spoken for by the connection of its parent, for as long as that is its parent', async () => {
    const gateway = await deviceWith({ kind: 'password' });
    const child = await deviceWith();
    const stranger = await deviceWith();
    const path = `/devices/${child.id}`;
    const send = async (client: MqttClient, token: string): Promise<string> => {
      const answer = new Promise<string>((resolve) => client.once('message', (topic) => resolve(topic)));
      await client.subscribeAsync([`${TOPIC(token)}/status`, `${TOPIC(token)}/error`], { qos: 1 });
      await client.publishAsync(TOPIC(token), '{"temperature": 3}', { qos: 1 });
      return (await answer).split('/').at(-1) ?? '';
    };
    const client = await connect(gateway.credential);
    await patch(path, {
      parentId: gateway.id,
      serialNumber: unique('SN'),
      position: { latitude: 1, longitude: 2 },
    });
    const { body } = await platform.api(
      'GET',
      `/devices?filter=${encodeURIComponent(`parentId==${gateway.id}`)}`,
    );
    expect((body as { items: { id: string }[] }).items.map(({ id }) => id)).toEqual([child.id]);
    await eventually(async () => (await send(client, child.token)) === 'status', {
      what: 'the child is heard',
    });
    await stored(child.id);
    await eventually(
      async () => {
        const { body: seen } = await platform.api('GET', `${path}/connectivity`);
        return JSON.stringify(seen).includes(`"deviceId":"${gateway.id}"`);
      },
      { what: 'the child is connected by its gateway' },
    );
    const other = await connect({ ...gateway.credential, clientId: 'other' });
    const refused = new Promise<string>((resolve) => other.once('message', (topic) => resolve(topic)));
    await other.publishAsync(TOPIC(stranger.token), '{"temperature": 3}', { qos: 1 });
    expect(await refused).toBe(`${TOPIC(stranger.token)}/error`);
    // What it had subscribed to for the child must not be its own any longer.
    const took = await closedAfter(client, () =>
      patch(path, { parentId: null, serialNumber: null, position: null }),
    );
    expect(took).toBeLessThan(2_000);
    const after = await platform.api('GET', path);
    for (const field of ['parentId', 'serialNumber', 'position'])
      expect(after.body).not.toHaveProperty(field);
  });
});

describe('a device without any credential', () => {
  const enrol = (body: object, ...more: readonly string[]): Promise<MosquittoResult> =>
    mosquittoRr([
      ...['-V', '311', '-q', '1', '-W', '5', '-t', 'kp1/enrol', '-m', JSON.stringify(body)],
      ...(more.length > 0 ? more : ['-e', 'kp1/enrol/status']),
    ]);

  it('enrols by a claim key at a topic of its own, and comes in by what it is given', async () => {
    const { claimKey } = await made<{ claimKey: string }>('/claim-keys', {
      name: unique('line'),
      deviceType: TYPE,
      limit: 2,
    });
    const name = unique('claimed');
    const { stdout } = await enrol({ claimKey, name, serialNumber: unique('s') });
    const given = JSON.parse(stdout) as {
      deviceId: string;
      token: string;
      credential: Made201['credential'];
    };
    expect(given).toMatchObject({ status: 'active', appVersion: `${TYPE}-v1` });
    const { username, password } = given.credential;
    expect(await publish(given.token, '-u', username, '-P', password)).toMatchObject({ code: 0 });
    await stored(given.deviceId);
    expect(platform.log()).not.toContain(claimKey);
    expect(platform.log()).not.toContain(password);
  });

  it('is told in words what is wrong, and enrols once on a connection', async () => {
    const wrong = await enrol({ claimKey: 'x'.repeat(43), name: unique('n') }, '-e', 'kp1/enrol/error');
    expect(JSON.parse(wrong.stdout)).toEqual({ statusCode: 401, reasonPhrase: 'The claim key is unknown.' });
    const bad = await enrol({ name: 1 }, '-e', 'kp1/enrol/error');
    expect(JSON.parse(bad.stdout)).toMatchObject({ statusCode: 400 });
    const { claimKey } = await made<{ claimKey: string }>('/claim-keys', {
      name: unique('line'),
      deviceType: TYPE,
      limit: 9,
    });
    const url = `mqtts://127.0.0.1:${tlsPort}`;
    const client = await connect({}, url);
    const said: [string, unknown][] = [];
    client.on('message', (topic, payload) => said.push([topic, JSON.parse(payload.toString())]));
    await client.subscribeAsync('kp1/enrol/#');
    for (const n of [1, 2]) {
      await client.publishAsync(`kp1/enrol/${n}`, JSON.stringify({ claimKey, name: unique('n') }), {
        qos: 1,
      });
    }
    await eventually(() => said.length === 2);
    expect(said[0]?.[0]).toBe('kp1/enrol/1/status');
    expect(said[1]).toEqual(['kp1/enrol/2/error', expect.objectContaining({ statusCode: 403 })]);
  });
});
