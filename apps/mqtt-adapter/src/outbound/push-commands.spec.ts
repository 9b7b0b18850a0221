import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { DueCommand, DueCommands } from '@muster/contracts/commands/requests';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { createMetrics } from '@muster/observability';
import { DeviceDirectory } from '@muster/uplink';
import type { DownlinkMessage } from '../broker/rabbitmq-connection.js';
import { CommandPusher, type CommandTarget } from './push-commands.js';
import { TokenPushes } from './token-pushes.js';

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
const subscribed = (pattern: string): CommandTarget => ({ ...device, patterns: [pattern] });

const scene = (pages: readonly DueCommand[][], route: 'routed' | 'no-route' = 'routed') => {
  const published: DownlinkMessage[] = [];
  const asked: DueCommands['devices'][] = [];
  let now = 0;
  const directory = new DeviceDirectory('mqtt');
  directory.put({
    entries: [entry],
    types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1'], settings: {} }],
    nextCursor: null,
  });
  const downlink = {
    publish: async (message: DownlinkMessage) => {
      published.push(message);
      return route;
    },
  };
  const request = async (_contract: object, { devices }: DueCommands) => {
    asked.push(devices);
    const page = devices[0]?.after ?? 0;
    const isLast = page + 1 >= pages.length;
    return { items: pages[page] ?? [], ...(isLast ? {} : { askAgain: [{ ...device, after: page + 1 }] }) };
  };
  const pusher = new CommandPusher({
    // The one request it makes.
    bus: { request: request as never },
    pushes: new TokenPushes({
      directory,
      questions: { learn: async () => undefined },
      downlink,
      metrics: createMetrics('test'),
      inFlight: 10,
      perSecond: 10_000,
    }),
    now: () => now,
  });
  const sent = () =>
    published.splice(0).map(({ routingKey, body }) => `${routingKey.split('.').slice(5).join('.')} ${body}`);
  return { pusher, published, asked, sent, later: (ms: number) => (now += ms) };
};

describe('pushing commands', () => {
  it('sends a new one alone, on the topic of its type, with nothing but id and payload', async () => {
    const { pusher, published } = scene([[due('reboot', 1), due('reboot', 2, 'x'), due('set', 1)]]);
    await pusher.push([created('reboot:2')]);
    expect(published).toEqual([
      {
        routingKey: 'kp1.v1.cex.tok1.command.reboot.status',
        body: '[{"id":2,"payload":"x"}]',
        qos: 1,
        mandatory: true,
      },
    ]);
  });

  it('sends several new ones of a type in one message', async () => {
    const { pusher, sent } = scene([[due('reboot', 1), due('reboot', 2), due('set', 1)]]);
    await pusher.push([created('reboot:1'), created('reboot:2'), created('set:1')]);
    expect(sent()).toEqual(['reboot.status [{"id":1},{"id":2}]', 'set.status [{"id":1}]']);
  });

  it('offers all that are outstanding, as far as they were subscribed to', async () => {
    const { pusher, sent } = scene([[due('reboot', 1), due('reboot', 2), due('set', 1)]]);
    await pusher.push([subscribed('kp1.v1.cex.tok1.command.reboot.status')]);
    expect(sent()).toEqual(['reboot.status [{"id":1},{"id":2}]']);
    await pusher.push([subscribed('kp1.v1.cex.tok1.#')]);
    expect(sent()).toHaveLength(2);
    await pusher.push([subscribed('kp1.v1.cex.tok1.command.reboot.5.status')]);
    expect(sent()).toEqual([]);
  });

  it('does not send at its creation what it sent at a subscription a moment ago', async () => {
    const { pusher, sent, later } = scene([[due('reboot', 1)]]);
    await pusher.push([subscribed('kp1.v1.cex.tok1.#')]);
    expect(sent()).toHaveLength(1);
    await pusher.push([created('reboot:1')]);
    expect(sent()).toEqual([]);
    // A new subscription is another matter, and so is an event that comes again much later.
    await pusher.push([subscribed('kp1.v1.cex.tok1.#')]);
    expect(sent()).toHaveLength(1);
    later(20_000);
    await pusher.push([created('reboot:1')]);
    expect(sent()).toHaveLength(1);
  });

  it('sends it at its creation when nobody was there before', async () => {
    const { pusher, sent } = scene([[due('reboot', 1)]], 'no-route');
    await pusher.push([created('reboot:1')]);
    await pusher.push([created('reboot:1')]);
    expect(sent()).toHaveLength(2);
  });

  it('asks on where the answer ended, and cuts what would be too large', async () => {
    const large = 'x'.repeat(40_000);
    const { pusher, asked, published } = scene([[due('a', 1, large), due('a', 2, large)], [due('a', 3)]]);
    await pusher.push([device]);
    expect(asked.map(([one]) => one?.after)).toEqual([undefined, 1]);
    expect(published.map(({ body }) => body.length > 40_000)).toEqual([true, true, false]);
  });

  it('fails when the broker is away, and asks nothing for devices it cannot reach', async () => {
    const { pusher, asked } = scene([[due('a', 1)]]);
    await pusher.push([{ tenantId: 'default', deviceId: 'unheard-of' }]);
    expect(asked).toEqual([]);
    const failing = new CommandPusher({
      // The one request it makes.
      bus: { request: (async () => ({ items: [due('a', 1)] })) as never },
      pushes: {
        reachable: async (targets) => [...targets],
        publish: () => Promise.reject(new AppError('unavailable', 'away')),
      },
    });
    await expect(failing.push([device])).rejects.toMatchObject({ code: 'unavailable' });
  });
});
