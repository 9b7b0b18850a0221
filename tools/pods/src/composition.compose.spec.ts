import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mosquittoPub } from '@muster/testing';
import { openComposition, type Composition } from './composition.js';
import { restOf, wholeLife } from './device-life.fixture.js';
import { guarded } from './guarded.js';
import { standIns } from './images.js';
import { openPlaces } from './places.js';
import { podman } from './run.js';

/** docker-compose.yml, brought up: by `npm run pods -- compose`. See tools/pods/README.md. */
const places = openPlaces(resolve(import.meta.dirname, '../../../..'));
/** The default of docker-compose.yml. */
const adminApiKey = 'mk_local-only-local-only-local-only-local-only';
const READY_WITHIN_MS = 120_000;

const say = (line: string): void => void process.stderr.write(`compose: ${line}\n`);

const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  const began = Date.now();
  const result = await work();
  say(`${what} (${((Date.now() - began) / 1_000).toFixed(1)} s)`);
  return result;
};

let composition: Composition;
let rest: ReturnType<typeof restOf>;
let remove: () => Promise<void>;
let url: string;
let devicesUrl: string;

beforeAll(async () => {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((done) => (end = done));
  await new Promise<void>((up, failed) => {
    const all = guarded(places, async () => {
      const images = standIns(places).map(([, image]) => image);
      say(`${images.join(', ')}: stand-ins with Debian 13's servers; podman stands in for Docker's engine`);
      composition = await openComposition(places);
      try {
        say((await composition.compose('version')).trim());
        await timed('our image is built, as the file says', () => composition.compose('build'));
        await timed('all is up', () => composition.compose('up', '--detach', '--wait'));
        up();
        await ended;
      } finally {
        await composition.close();
      }
    });
    all.catch(failed);
    remove = () => {
      end();
      return all.catch(() => undefined); // told above
    };
  });
  const { ports } = composition;
  url = `http://127.0.0.1:${ports.gateway}`;
  devicesUrl = `http://127.0.0.1:${ports.devices}`;
  rest = restOf({ url, adminApiKey });
  process.env['MUSTER_TEST_MQTT_URL'] = `mqtt://127.0.0.1:${ports.mqtt}`;
}, 600_000);

afterAll(async () => {
  await remove();
}, 60_000);

it("carries a device's whole life over REST, MQTT and the door for HTTP", async () => {
  await wholeLife({ url, devicesUrl, adminApiKey });
}, 60_000);

it('serves the console, and what its page names', async () => {
  const { text: page } = await get('/');
  expect(page).toContain('<div id="root">');
  const [, script = ''] = /<script type="module"[^>]* src="([^"]+)"/.exec(page) ?? [];
  expect(await get(script)).toMatchObject({ status: 200, type: expect.stringMatching('javascript') });
});

it('lets devices in over TLS, by the authority in its volume', async () => {
  const authority = join(places.run, 'ca.pem');
  await composition.compose('cp', 'services:/keys/mqtt-tls/ca.pem', authority);
  const secured = [
    '-h',
    'localhost',
    '-p',
    String(composition.ports.mqtts),
    '--cafile',
    authority,
    '-V',
    '311',
    '-q',
    '1',
  ];
  // Nobody has this token: what is shown is that somebody answers whose certificate holds.
  expect(await mosquittoPub([...secured, '-t', 'kp1/any-v1/dcx/nobody/json', '-m', '{}'])).toMatchObject({
    code: 0,
  });
}, 30_000);

it('has a key for the keys of IoT Hubs', async () => {
  const connectionString = 'HostName=localhost:1;SharedAccessKeyName=iothubowner;SharedAccessKey=c2VjcmV0';
  expect(await rest('POST', '/iot-hubs', { name: 'hub', connectionString })).toMatchObject({
    status: 409,
    body: { code: 'iot-hub-unusable' },
  });
}, 30_000);

describe('data, and devices that go on sending,', () => {
  const topic = 'kp1/meter-v1/dcx/token-of-meter-1/json';
  let id: string;
  let sent = 0;

  /** Over MQTT with a time of its own, until somebody takes it; then the operator sees it. */
  const sends = async (): Promise<void> => {
    sent += 1;
    const sample = JSON.stringify({ ts: Date.now(), count: sent });
    await eventually(
      async () => (await mosquittoPub(['-V', '311', '-t', topic, '-q', '1', '-m', sample])).code === 0,
      {
        what: 'the sample is acknowledged',
        deadlineMs: READY_WITHIN_MS,
      },
    );
    await eventually(async () => (await latest()) === sent, {
      what: 'the sample is seen',
      deadlineMs: READY_WITHIN_MS,
      everyMs: 100,
    });
  };
  const latest = async (): Promise<unknown> => {
    const { body } = await rest('GET', `/devices/${id}/telemetry/latest?keys=count`);
    return (body as { items: { value: unknown }[] }).items[0]?.value;
  };
  const ready = (): Promise<boolean> =>
    eventually(async () => (await get('/health/ready')).status === 200, {
      what: 'the platform is ready',
      deadlineMs: READY_WITHIN_MS,
      everyMs: 100,
    });
  const areThere = async (): Promise<void> => {
    await ready();
    expect(await latest()).toBe(sent);
    await sends();
  };

  beforeAll(async () => {
    expect((await rest('POST', '/device-types', { name: 'meter' })).status).toBe(201);
    const made = await rest('POST', '/devices', {
      name: 'meter-1',
      deviceType: 'meter',
      token: 'token-of-meter-1',
    });
    expect(made.status).toBe(201);
    id = (made.body as { id: string }).id;
    await sends();
  });

  it.each(['services', 'postgres', 'nats', 'rabbitmq'])(
    'are there when %s was restarted',
    async (service) => {
      await timed(`${service} is restarted`, () => composition.compose('restart', service));
      await timed('all is as before', areThere);
    },
    180_000,
  );

  it.each(['services', 'postgres', 'nats', 'rabbitmq'])(
    'are there when %s was killed',
    async (service) => {
      const before = await composition.processOf(service);
      process.kill(before, 'SIGKILL');
      await timed(`${service} is back by itself`, () =>
        eventually(async () => ![0, before].includes(await composition.processOf(service)), {
          what: `${service} runs again`,
          deadlineMs: READY_WITHIN_MS,
          everyMs: 200,
        }),
      );
      await timed('all is as before', areThere);
    },
    180_000,
  );

  it('are there when all was taken down and is up again', async () => {
    await timed('all is down', () => composition.compose('down'));
    expect(await containers()).toEqual([]);
    await timed('all is up', () => composition.compose('up', '--detach', '--wait'));
    await areThere();
  }, 180_000);
});

it('finds nothing wrong with itself', async () => {
  const told = await composition.compose(
    'exec',
    '--no-TTY',
    'services',
    'node',
    'apps/all-in-one/dist/src/doctor.js',
  );
  say(told.trim().split('\n').at(-1) ?? '');
}, 60_000);

it('leaves nothing when it is taken down with its volumes', async () => {
  await composition.compose('down', '--volumes');
  expect(await containers()).toEqual([]);
  expect(await podman(places, 'volume', 'ls', '--quiet')).toBe('');
}, 60_000);

const get = async (path: string): Promise<{ status: number; type: string | null; text: string }> => {
  const answer = await fetch(new URL(path, url), { headers: { connection: 'close' } });
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
};

const containers = async (): Promise<string[]> =>
  (await podman(places, 'ps', '--all', '--format', '{{.Names}} {{.Image}}'))
    .split('\n')
    .filter((line) => line !== '');
