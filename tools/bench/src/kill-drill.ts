import { setTimeout as delay } from 'node:timers/promises';
import { pidOf, runningParts, startedAgain, waitFor } from './parts.js';
import { call, provision, runName } from './platform.js';
import { connectSenders, countSamples, sendSteadily, type Sender } from './samples.js';
import { markdownTable } from './statistics.js';

const DEVICES = 20;
const MESSAGES_PER_SECOND = 500;
const SECONDS_BETWEEN_KILLS = 15;

/**
 * Telemetry flows while every part of the platform in turn is killed with SIGKILL and comes back by itself. Afterwards
 * every sample that the broker acknowledged must be stored, and none twice. Throws if that is not so.
 */
export const killDrill = async (): Promise<string> => {
  const run = runName('drill');
  const senders = await connectSenders(run, await provision(run, DEVICES));
  const victims = runningParts();
  const kills: string[][] = [];
  const sending = new AbortController();
  const flow = sendSteadily(senders, MESSAGES_PER_SECOND, sending.signal);
  try {
    for (const part of victims) {
      await delay(SECONDS_BETWEEN_KILLS * 1000);
      const killedAt = Date.now();
      const pid = pidOf(part);
      process.kill(pid, 'SIGKILL');
      const readyAt = await backInService(part, pid, senders);
      kills.push([part, `pid ${pid}`, `${((readyAt - killedAt) / 1000).toFixed(1)} s`]);
      process.stdout.write(
        `killed ${part} (pid ${pid}), in service again after ${kills.at(-1)?.[2] ?? '?'}\n`,
      );
    }
    await delay(SECONDS_BETWEEN_KILLS * 1000);
  } finally {
    sending.abort();
    await flow;
  }
  await waitFor('every message to be acknowledged', () =>
    senders.every((s) => s.acknowledged.size === s.sent),
  );
  const result = await countSamples(senders);
  for (const { client } of senders) await client.endAsync();
  const table = [
    markdownTable(['killed with SIGKILL', 'which', 'until all is ready again'], kills),
    markdownTable(
      ['sent', 'acknowledged (PUBACK)', 'stored', 'missing', 'stored twice'],
      [[result.sent, result.acknowledged, result.stored, result.missing, result.twice].map(String)],
    ),
  ].join('\n\n');
  if (result.missing > 0 || result.twice > 0) throw new Error(`the drill failed:\n${table}`);
  return table;
};

const backInService = async (
  part: string,
  killedPid: number,
  senders: readonly Sender[],
): Promise<number> => {
  await startedAgain(part, killedPid);
  await waitFor('devices and operators to be served', () => isServed(senders));
  return Date.now();
};

/** Every device is connected, a new request reaches each service, and what was sent is acknowledged. */
const isServed = async (senders: readonly Sender[]): Promise<boolean> => {
  const [sender] = senders;
  if (sender === undefined || !senders.every(({ client }) => client.connected)) return false;
  const { id } = sender.device;
  try {
    await Promise.all([
      call('GET', `/devices/${id}/configuration`),
      call('GET', `/devices/${id}/telemetry/latest`),
    ]);
  } catch {
    return false;
  }
  return true;
};
