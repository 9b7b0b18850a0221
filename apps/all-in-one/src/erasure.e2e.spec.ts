import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.api('POST', '/device-types', { name: 'meter', settings: { httpTokenOnly: true } });
}, 120_000);

afterAll(async () => {
  await platform.stop();
});

/** A device of which every service holds something. */
const livelyDevice = async (name: string): Promise<{ id: string; fileKey: string }> => {
  const { body } = await platform.api('POST', '/devices', {
    name,
    deviceType: 'meter',
    interface: 'http',
    tags: ['erased'],
  });
  const { id, token } = body as { id: string; token: string };
  const send = async (path: string, payload: object | undefined) => {
    const [extension = '', ...rest] = path.split('/');
    const response = await fetch(
      `${platform.devicesUrl}/kp1/meter-v1/${extension}/${token}/${rest.join('/')}`,
      {
        method: 'POST',
        ...(payload === undefined ? {} : { body: JSON.stringify(payload) }),
      },
    );
    expect(response.status).toBe(200);
    return (await response.text()).trim();
  };
  await send('dcx/json', { energy: 7 });
  await platform.api('PATCH', `/devices/${id}/configuration/desired`, { interval: 60 });
  await send('cmx/state/json', { interval: 60 });
  await platform.api('POST', `/devices/${id}/commands`, {
    type: 'reboot',
    payload: { why: 'to-be-forgotten' },
    ttlSeconds: 600,
  });
  const { token: uploadToken } = JSON.parse(await send('bcx/token', undefined)) as { token: string };
  const upload = await fetch(`${platform.devicesUrl}/bcx/api/v1/binary-data?name=log.txt`, {
    method: 'POST',
    body: 'a log',
    headers: { 'x-auth-token': uploadToken },
  });
  expect(upload.status).toBe(201);
  return { id, fileKey: upload.headers.get('location')?.split('/').at(-1) ?? '' };
};

const HELD: Readonly<Record<string, string>> = {
  telemetry: "SELECT FROM telemetry.samples WHERE device_id = 'ID'",
  'latest values': "SELECT FROM telemetry.latest_values WHERE device_id = 'ID'",
  configuration: "SELECT FROM configuration.events WHERE stream LIKE '%ID' AND data::text LIKE '%interval%'",
  commands: "SELECT FROM commands.commands WHERE device_id = 'ID'",
  'events of commands':
    "SELECT FROM commands.events WHERE stream LIKE '%ID%' AND data::text LIKE '%to-be-forgotten%'",
  uploads: "SELECT FROM firmware.uploads WHERE device_id = 'ID'",
};
/** Which of them there is something in. */
const heldOf = async (id: string): Promise<string[]> => {
  const held: string[] = [];
  for (const [what, query] of Object.entries(HELD)) {
    // The only answer this door gives is an error.
    const raise = `DO $$ BEGIN IF EXISTS (${query.replaceAll('ID', id)}) THEN RAISE EXCEPTION 'held'; END IF; END $$`;
    await platform.sql(raise).catch(() => held.push(what));
  }
  return held;
};
const ended = (jobId: string): Promise<unknown> =>
  eventually(
    async () => {
      const { body } = await platform.api('GET', `/jobs/${jobId}`);
      if ((body as { endedAt?: string }).endedAt === undefined) throw new Error(JSON.stringify(body));
      return body;
    },
    { deadlineMs: 60_000, what: 'the job has ended' },
  );

describe('DELETE /devices/{id}?erase=true', () => {
  it('leaves nothing of the device with any service, and may be asked for again', async () => {
    const { id, fileKey } = await livelyDevice('erased-1');
    const other = await livelyDevice('stays');
    expect(await heldOf(id)).toEqual(Object.keys(HELD));
    const deleted = await platform.api('DELETE', `/devices/${id}?erase=true`);
    expect([deleted.status, deleted.body]).toEqual([202, { jobId: expect.any(String) as unknown }]);
    const { jobId } = deleted.body as { jobId: string };
    expect(deleted.headers.get('location')).toBe(`/api/v1/jobs/${jobId}`);
    expect(await ended(jobId)).toMatchObject({ kind: 'device-erase', status: 'success', total: 1 });
    expect(await heldOf(id)).toEqual([]);
    expect((await platform.api('GET', `/devices/${id}/files/${fileKey}`)).status).toBe(404);
    expect(await heldOf(other.id)).toEqual(Object.keys(HELD));
    const again = await platform.api('DELETE', `/devices/${id}?erase=true`);
    expect(await ended((again.body as { jobId: string }).jobId)).toMatchObject({ status: 'success' });
    const plain = await platform.api('DELETE', `/devices/${other.id}`);
    expect([plain.status, plain.body]).toEqual([204, undefined]);
    expect((await platform.api('DELETE', '/devices/nobody?erase=true')).status).toBe(404);
  }, 120_000);

  it('is possible for many at once', async () => {
    const [one, two] = [await livelyDevice('many-1'), await livelyDevice('many-2')];
    const target = { filter: 'name==many-*' };
    const problem = await platform.api('POST', '/devices/bulk', { target, erase: true, folder: '/' });
    expect(problem).toMatchObject({ status: 400, body: { errors: [{ path: 'erase' }] } });
    const { body } = await platform.api('POST', '/devices/bulk', {
      target,
      delete: true,
      erase: true,
      expectedCount: 2,
    });
    await ended((body as { jobId: string }).jobId);
    await eventually(
      async () => {
        const held = [...(await heldOf(one.id)), ...(await heldOf(two.id))];
        return held.length === 0;
      },
      { deadlineMs: 60_000, what: 'nothing is held of them' },
    );
  }, 120_000);
});
