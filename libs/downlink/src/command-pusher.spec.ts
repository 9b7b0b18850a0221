import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type {
  ClaimCommands,
  DueCommand,
  DueCommands,
  RecordCommandsDispatched,
} from '@muster/contracts/commands/requests';
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

const scene = (
  pages: readonly DueCommand[][],
  isThere = true,
  isRecordAway = false,
  isGranted: (claim: ClaimCommands['claims'][number]) => boolean = () => true,
) => {
  const asked: DueCommands['devices'][] = [];
  const directory = new DeviceDirectory('mqtt');
  directory.put({
    entries: [entry],
    types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1'], settings: {} }],
    nextCursor: null,
  });
  const wire = standInWire(async () => isThere);
  const recorded: RecordCommandsDispatched['dispatches'] = [];
  const reasons: unknown[] = [];
  const claimed: string[] = [];
  const request = async (_contract: object, body: DueCommands | ClaimCommands | RecordCommandsDispatched) => {
    if ('claims' in body) {
      claimed.push(...body.claims.map(({ type, id }) => `${body.reason} ${type}:${id}`));
      return { granted: body.claims.map(isGranted) };
    }
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
    // The requests it makes, told apart by their fields.
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
  });
  const sent = () => wire.sent.splice(0).map(({ address, body }) => `${address.split('/').at(-1)} ${body}`);
  return { pusher, published: wire.sent, asked, sent, recorded, reasons, claimed };
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

  it('claims what it is about to send, for the reason it has, and sends what is granted', async () => {
    const { pusher, sent, claimed, recorded } = scene(
      [[due('reboot', 1), due('reboot', 2), due('set', 1)]],
      true,
      false,
      ({ id }) => id !== 1,
    );
    await pusher.push([reachable('tok1 cex command/reboot')], 'reachable');
    await pusher.push([created('reboot:1', 'reboot:2')], 'changed');
    await pusher.push([device], 'changed');
    expect(claimed).toEqual([
      ...['reachable reboot:1', 'reachable reboot:2'],
      ...['creation reboot:1', 'creation reboot:2'],
      ...['changed reboot:1', 'changed reboot:2', 'changed set:1'],
    ]);
    expect(sent()).toEqual(['reboot [{"id":2}]', 'reboot [{"id":2}]', 'reboot [{"id":2}]']);
    expect(recorded.map(({ type, id }) => `${type}:${id}`)).toEqual(['reboot:2', 'reboot:2', 'reboot:2']);
  });

  it('says since when the device is reachable, also as it claims', async () => {
    const claims: ClaimCommands['claims'] = [];
    const { pusher, asked } = scene([[due('reboot', 1)]], true, false, (claim) => claims.push(claim) > 0);
    const since = { ...reachable('tok1 cex'), reachableAt: '2026-01-01T00:00:00.000Z' };
    await pusher.push([since], 'reachable');
    expect(asked).toEqual([[{ ...device, reachableAt: since.reachableAt }]]);
    expect(claims).toEqual([{ ...device, reachableAt: since.reachableAt, type: 'reboot', id: 1 }]);
  });

  it('puts into one message what expires together, and says when', async () => {
    const [soon, later] = ['2026-01-01T00:00:00.000Z', '2026-01-01T01:00:00.000Z'];
    const expiring = (id: number, expiresAt: string) => ({ ...due('reboot', id), expiresAt });
    const { pusher, published } = scene([[expiring(1, soon), expiring(2, later), expiring(3, soon)]]);
    await pusher.push([device], 'reachable');
    expect(published.map(({ body, expiresAt }) => `${body} ${expiresAt}`)).toEqual([
      `[{"id":1},{"id":3}] ${soon}`,
      `[{"id":2}] ${later}`,
    ]);
  });

  it('tells what somebody was there for, and asks for the rest because of a change', async () => {
    const { pusher, recorded, reasons } = scene([[due('reboot', 1), due('reboot', 2), due('set', 1)]]);
    await pusher.push([device], 'changed');
    await pusher.push([reachable('tok1 cex command/other')], 'reachable');
    expect(reasons).toEqual([true, false]);
    const at = expect.stringMatching(/Z$/);
    const dispatch = { ...device, interface: 'mqtt', subscriber: true, at };
    expect(recorded).toEqual([
      { ...dispatch, type: 'reboot', id: 1 },
      { ...dispatch, type: 'reboot', id: 2 },
      { ...dispatch, type: 'set', id: 1 },
    ]);
    // Nobody was there: the claim is given back.
    const alone = scene([[due('reboot', 1)]], false);
    await alone.pusher.push([device], 'changed');
    expect(alone.recorded).toEqual([{ ...dispatch, subscriber: false, type: 'reboot', id: 1 }]);
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
    const told: unknown[] = [];
    const failing = new CommandPusher({
      bus: {
        // The requests it makes, told apart by their fields.
        request: (async (_contract: object, body: object) => {
          if ('claims' in body) return { granted: [true] };
          if (!('dispatches' in body)) return { items: [due('a', 1)] };
          told.push(body.dispatches);
          return { outcomes: [{}] };
        }) as never,
      },
      logger,
      pushes: {
        interface: 'mqtt',
        reachable: async (targets) => [...targets],
        covers: () => true,
        publish: () => Promise.reject(new AppError('unavailable', 'away')),
      },
    });
    await expect(failing.push([device], 'reachable')).rejects.toMatchObject({ code: 'unavailable' });
    // What was claimed for it is given back, for the next try.
    expect(told).toEqual([[{ ...device, type: 'a', id: 1, interface: 'mqtt', subscriber: false }]]);
  });
});
