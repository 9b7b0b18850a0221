import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { callAll } from '../call-all.js';
import { memoryBytes } from '../memory.js';
import { pidOf, startedAgain, waitFor } from '../parts.js';
import { platform } from '../platform.js';
import { processorSeconds } from '../processor-time.js';
import type { FleetDevice } from './fleet.js';
import { PlainDevice } from './plain-device.js';

const FRONT = 'mqtt-front';
const PARTS = [FRONT, 'rabbitmq'] as const;
/** TCP connections that are being opened at the same time. */
const AT_ONCE = 1_000;
const BACK_WITHIN_SECONDS = 600;
const SETTLE_MS = 5_000;
/** A client that was refused comes again after that, at most. */
const AGAIN_MS = 1_000;
/** What a process has open besides clients and their connections to the broker. */
const OTHER_FILES = 150;

export interface Idle {
  readonly count: number;
  readonly connectSeconds: number;
  readonly backSeconds: number;
  readonly refused: number;
  readonly rows: readonly {
    readonly part: string;
    readonly before: number;
    readonly after: number;
    readonly connectProcessor: number;
  }[];
}

/** The door has two sockets for each client. */
export const mostConnections = (): number => {
  const limits = readFileSync(`/proc/${pidOf(FRONT)}/limits`, 'utf8');
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  return Math.floor((files - OTHER_FILES) / 2);
};

/**
 * Devices that are connected, subscribed to their configuration and say nothing. Then the door is killed with SIGKILL, and all
 * come back.
 */
export const idle = async (devices: readonly FleetDevice[]): Promise<Idle> => {
  const before = PARTS.map((part) => ({ memory: memoryBytes(part), processor: processorSeconds(part) }));
  const clients = new Set<PlainDevice>();
  let refused = 0;
  let isOver = false;
  const comeIn = async (device: FleetDevice): Promise<void> => {
    for (;;) {
      try {
        const client = await PlainDevice.open({ url: platform.mqttUrl, clientId: `${device.token}-idle` });
        client.onClosed = () => void clients.delete(client);
        await client.subscribe(`kp1/${device.appVersion}/cmx/${device.token}/config/json/status`);
        clients.add(client);
        client.onClosed = () => {
          clients.delete(client);
          if (!isOver) void comeIn(device);
        };
        return;
      } catch {
        refused += 1;
        await delay(AGAIN_MS * Math.random());
      }
    }
  };
  const began = performance.now();
  await callAll(devices, AT_ONCE, comeIn);
  const connectSeconds = (performance.now() - began) / 1_000;
  process.stderr.write(`all connected after ${connectSeconds.toFixed(1)} s\n`);
  await delay(SETTLE_MS);
  const rows = PARTS.map((part, index) => ({
    part,
    before: before[index]?.memory ?? 0,
    after: memoryBytes(part),
    connectProcessor: processorSeconds(part) - (before[index]?.processor ?? 0),
  }));
  refused = 0;
  const pid = pidOf(FRONT);
  const killed = performance.now();
  process.kill(pid, 'SIGKILL');
  await startedAgain(FRONT, pid);
  await waitFor('all to be back', () => clients.size === devices.length, BACK_WITHIN_SECONDS);
  const backSeconds = (performance.now() - killed) / 1_000;
  isOver = true;
  for (const client of clients) client.close();
  return { count: devices.length, connectSeconds, backSeconds, refused, rows };
};
