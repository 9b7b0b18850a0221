import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { DueCommand, DueCommands, RecordCommandsDispatched } from '@muster/contracts/commands/requests';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { createLogger, createMetrics } from '@muster/observability';
import { DeviceDirectory } from '@muster/uplink';
import { CommandPusher, type CommandTarget } from './command-pusher.js';
import { DevicePushes } from './device-pushes.js';
import { standInWire } from './stand-in-wire.fixture.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const entry: AccessEntry = {
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'mqtt',
  credentialKinds: ['token'],
  secretHashes: [],
};

const due = (type: string, id: number, payload?: string): DueCommand => ({
  tenantId: 'default',
  deviceId: 'd1',
  type,
  id,
  ...(payload === undefined ? {} : { payload }),
});

const device: CommandTarget = { tenantId: 'default', deviceId: 'd1' };
const created = (...ids: string[]): CommandTarget => ({ ...device, created: new Set(ids) });
const reachable = (channel: string): CommandTarget => ({ ...device, channels: [channel] });

const scene = (pages: readonly DueCommand[][], isThere = true, isRecordAway = false) => {
  const asked: DueCommands['devices'][] = [];
  let now = 0;
  const directory = new DeviceDirectory('mqtt');
  directory.put({
    entries: [entry],
    types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1'], settings: {} }],
    nextCursor: null,
  });
  const wire = standInWire(async () => isThere);
  const recorded: RecordCommandsDispatched['dispatches'] = [];
  const reasons: unknown[] = [];
  const request = async (_contract: object, body: DueCommands | RecordCommandsDispatched) => {
    if ('dispatches' in body) {
      if (isRecordAway) throw new AppError('unavailable', 'away');
      recorded.push(...body.dispatches);
      return { outcomes: body.dispatches.map(() => ({})) };
    }
    const { devices, changed } = body;
    asked.push(devices);
    reasons.push(changed);
    const page = devices[0]?.after ?? 0;
    const isLast = page + 1 >= pages.length;
    return { items: pages[page] ?? [], ...(isLast ? {} : { askAgain: [{ ...device, after: page + 1 }] }) };
  };
  const pusher = new CommandPusher({
    // The two requests it makes, told apart by their fields.
    bus: { request: request as never },
    logger,
    pushes: new DevicePushes({
      directory,
      questions: { learn: async () => undefined },
      wire,
      metrics: createMetrics('test'),
      inFlight: 10,
      perSecond: 10_000,
    }),
    now: () => now,
  });
  const sent = () => wire.sent.splice(0).map(({ address, body }) => `${address.split('/').at(-1)} ${body}`);
  return { pusher, published: wire.sent, asked, sent, recorded, reasons, later: (ms: number) => (now += ms) };
};

describe('pushing commands', () => {
  it('sends a new one alone, at the place of its type, with nothing but id and payload', async () => {
    const { pusher, published } = scene([[due('reboot', 1), due('reboot', 2, 'x'), due('set', 1)]]);
    await pusher.push([created('reboot:2')], 'changed');
    expect(published).toEqual([
      { token: 'tok1', address: 'v1 tok1 cex command/reboot', body: '[{"id":2,"payload":"x"}]' },
    ]);
  });

  it('sends several new ones of a type in one message', async () => {
    const { pusher, sent } = scene([[due('reboot', 1), due('reboot', 2), due('set', 1)]]);
    await pusher.push([created('reboot:1'), created('reboot:2'), created('set:1')], 'changed');
    expect(sent()).toEqual(['reboot [{"id":1},{"id":2}]', 'set [{"id":1}]']);
  });

  it('offers all that are outstanding, as far as it is reachable', async () => {
    const { pusher, sent } = scene([[due('reboot', 1), due('reboot', 2), due('set', 1)]]);
    await pusher.push([reachable('tok1 cex command/reboot')], 'reachable');
    expect(sent()).toEqual(['reboot [{"id":1},{"id":2}]']);
    await pusher.push([reachable('tok1 cex')], 'reachable');
    expect(sent()).toHaveLength(2);
    await pusher.push([reachable('tok1 cex command/other')], 'reachable');
    expect(sent()).toEqual([]);
  });

  it('does not send at its creation what it sent to a device that became reachable a moment ago', async () => {
    const { pusher, sent, later } = scene([[due('reboot', 1)]]);
    await pusher.push([reachable('tok1 cex')], 'reachable');
    expect(sent()).toHaveLength(1);
    await pusher.push([created('reboot:1')], 'changed');
    expect(sent()).toEqual([]);
    // To become reachable anew is another matter, and so is an event that comes again much later.
    await pusher.push([reachable('tok1 cex')], 'reachable');
    expect(sent()).toHaveLength(1);
    later(20_000);
    await pusher.push([created('reboot:1')], 'changed');
    expect(sent()).toHaveLength(1);
  });

  it('tells what somebody was there for, and asks for the rest because of a change', async () => {
    const { pusher, recorded, reasons } = scene([[due('reboot', 1), due('reboot', 2), due('set', 1)]]);
    await pusher.push([device], 'changed');
    await pusher.push([reachable('tok1 cex command/other')], 'reachable');
    expect(reasons).toEqual([true, false]);
    const dispatch = { ...device, interface: 'mqtt', subscriber: true };
    expect(recorded).toEqual([
      { ...dispatch, type: 'reboot', id: 1 },
      { ...dispatch, type: 'reboot', id: 2 },
      { ...dispatch, type: 'set', id: 1 },
    ]);
    const alone = scene([[due('reboot', 1)]], false);
    await alone.pusher.push([device], 'changed');
    expect(alone.recorded).toEqual([]);
  });

  it('does not fail, and so does not send once more, because that could not be told', async () => {
    const { pusher, sent } = scene([[due('reboot', 1)]], true, true);
    await pusher.push([device], 'changed');
    expect(sent()).toHaveLength(1);
  });

  it('sends it at its creation when nobody was there before', async () => {
    const { pusher, sent } = scene([[due('reboot', 1)]], false);
    await pusher.push([created('reboot:1')], 'changed');
    await pusher.push([created('reboot:1')], 'changed');
    expect(sent()).toHaveLength(2);
  });

  it('asks on where the answer ended, and cuts what would be too large', async () => {
    const large = 'x'.repeat(40_000);
    const { pusher, asked, published } = scene([[due('a', 1, large), due('a', 2, large)], [due('a', 3)]]);
    await pusher.push([device], 'reachable');
    expect(asked.map(([one]) => one?.after)).toEqual([undefined, 1]);
    expect(published.map(({ body }) => body.length > 40_000)).toEqual([true, true, false]);
  });

  it('fails when the wire is away, and asks nothing for devices it cannot reach', async () => {
    const { pusher, asked } = scene([[due('a', 1)]]);
    await pusher.push([{ tenantId: 'default', deviceId: 'unheard-of' }], 'reachable');
    expect(asked).toEqual([]);
    const failing = new CommandPusher({
      // The one request it makes.
      bus: { request: (async () => ({ items: [due('a', 1)] })) as never },
      logger,
      pushes: {
        interface: 'mqtt',
        reachable: async (targets) => [...targets],
        publish: () => Promise.reject(new AppError('unavailable', 'away')),
      },
    });
    await expect(failing.push([device], 'reachable')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
