import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { brokerMqttUrl, eventually, silentNetwork, type SilentNetwork } from '@muster/testing';
import { BrokerNodes } from './broker-nodes.js';
import { BrokerSession } from './broker-session.js';

const MINUTE_MS = 60_000;

let network: SilentNetwork;
let session: BrokerSession;
/** What the broker has said since it let us in. */
let heard: string[];

beforeEach(async () => {
  const url = new URL(brokerMqttUrl());
  network = await silentNetwork(Number(url.port));
  url.hostname = '127.0.0.1';
  url.port = String(network.port);
  const wanted = { clientId: `session-${process.pid}`, clean: true, protocolId: 'MQTT' } as const;
  session = await BrokerSession.open(new BrokerNodes(url.href), { ...wanted, protocolVersion: 4 });
  heard = [];
  session.start({
    packets: (packets) => heard.push(...packets.map(({ cmd }) => cmd)),
    drained: () => undefined,
    closed: () => undefined,
  });
});

afterEach(async () => {
  session.leave();
  await network.stop();
});

/** The time so much later. */
const after = (ms: number): number => performance.now() + ms;

describe('a connection to the broker', () => {
  it('asks whether it is there when nothing was said for a minute, and not before', async () => {
    expect(session.isAlive(after(MINUTE_MS - 1_000))).toBe(true);
    session.ping();
    await eventually(() => heard.length > 0);
    expect(heard).toEqual(['pingresp']);
    expect(session.isAlive(after(MINUTE_MS + 1_000))).toBe(true);
    await eventually(() => heard.length > 1);
    expect(session.isAlive(after(2 * MINUTE_MS))).toBe(true);
  });

  it('is over when there is no answer for a minute more, also of a client that goes on sending', () => {
    network.silence();
    const asked = after(MINUTE_MS + 1_000);
    expect(session.isAlive(asked)).toBe(true);
    session.ping();
    expect(session.isAlive(asked + MINUTE_MS - 1)).toBe(true);
    expect(session.isAlive(asked + MINUTE_MS)).toBe(false);
  });

  it('is not judged while nobody reads it: its client takes nothing', async () => {
    session.pause();
    const asked = after(MINUTE_MS + 1_000);
    expect(session.isAlive(asked)).toBe(true);
    expect(session.isAlive(asked + 2 * MINUTE_MS)).toBe(true);
    session.resume();
    await eventually(() => heard.length > 0);
    expect(session.isAlive(performance.now())).toBe(true);
  });
});
