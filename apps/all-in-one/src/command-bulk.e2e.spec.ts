import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mosquittoSub, startPlatform, type ApiAnswer, type Platform } from '@muster/testing';
import { endedJob } from './operator.fixture.js';

const DEVICES = 30;

interface Device {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
}

let platform: Platform;
let devices: readonly Device[];

beforeAll(async () => {
  platform = await startPlatform();
  await platform.api('POST', '/device-types', { name: 'engine' });
  const made = await Promise.all(
    Array.from({ length: DEVICES }, (_none, nth) =>
      platform.api('POST', '/devices', { name: `engine-${nth}`, deviceType: 'engine', tags: ['roof'] }),
    ),
  );
  devices = made.map(({ body }) => body as Device);
}, 120_000);

afterAll(async () => {
  await platform.stop();
});

const bulk = (body: object, query = ''): Promise<ApiAnswer> =>
  platform.api('POST', `/commands/bulk${query}`, body);
const ended = (answer: ApiAnswer): Promise<unknown> => endedJob(platform, answer);
const commandsOf = async ({ id }: Device): Promise<readonly { status: string; payload?: unknown }[]> =>
  ((await platform.api('GET', `/devices/${id}/commands`)).body as { items: [] }).items;

describe('POST /commands/bulk', () => {
  it('shows whom it would reach, and gives each of them the command, once, as a job', async () => {
    const [first] = devices;
    if (first === undefined) throw new Error('there are no devices');
    const inbox = await mosquittoSub([
      ...['-V', '311', '-q', '1', '-F', '%p'],
      ...['-t', `kp1/${first.appVersion}/cex/${first.token}/command/reboot/status`],
    ]);
    try {
      const wanted = { target: { filter: 'tags==roof' }, type: 'reboot', payload: { delaySeconds: 5 } };
      const preview = await bulk(wanted, '?preview=true');
      expect([preview.status, preview.body]).toMatchObject([200, { matched: DEVICES }]);
      expect(await commandsOf(first)).toEqual([]);
      const refused = await bulk({ ...wanted, expectedCount: DEVICES - 1 });
      expect([refused.status, refused.body]).toMatchObject([409, { code: 'more-devices-than-expected' }]);
      const job = await ended(await bulk({ ...wanted, ttlSeconds: 600, expectedCount: DEVICES }));
      expect(job).toMatchObject({ kind: 'command-bulk', status: 'success', total: DEVICES, failed: 0 });
      await inbox.line(() => true);
      await eventually(async () => (await commandsOf(first))[0]?.status === 'sent');
      expect(inbox.lines()).toEqual(['[{"id":1,"payload":{"delaySeconds":5}}]']);
      const given = await Promise.all(devices.map(commandsOf));
      expect(given.map((commands) => commands.length)).toEqual(devices.map(() => 1));
    } finally {
      await inbox.stop();
    }
  });

  it('names the field that is wrong, and has what failed tried again', async () => {
    const target = { deviceIds: [devices[1]?.id, 'nobody'] };
    const wrong = await bulk({ target, type: 'reboot', ttlSeconds: 100_000_000 });
    expect([wrong.status, wrong.body]).toMatchObject([400, { errors: [{ path: 'ttlSeconds' }] }]);
    const failed = (await ended(await bulk({ target, type: 'reboot' }))) as { id: string };
    expect(failed).toMatchObject({ status: 'failed', done: 2, failed: 1 });
    const errors = await platform.api('GET', `/jobs/${failed.id}/errors`);
    expect(errors.body).toMatchObject({ items: [{ item: 'nobody', code: 'device-not-found' }] });
    const again = await ended(await platform.api('POST', `/jobs/${failed.id}/retry`));
    expect(again).toMatchObject({ kind: 'command-bulk', retryOf: failed.id, total: 1, failed: 1 });
  });
});
