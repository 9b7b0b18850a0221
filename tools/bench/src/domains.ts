import { setTimeout as delay } from 'node:timers/promises';
import { pidOf, runningParts, startedAgain } from './parts.js';
import { provision, runName } from './platform.js';
import { keepRaw } from './raw-results.js';
import { markdownTable } from './statistics.js';
import { SPAN, spanOf, startFlow, type Flow } from './steady-flow.js';
import { commandsOf, everythingAnswered, lostOf, parked, uplinkKinds } from './uplink-kinds.js';

const ALL = ['telemetry', 'configuration', 'device-registry', 'commands', 'firmware'];
/** With commas between; default: all. */
const VICTIMS = process.env['BENCH_VICTIMS']?.split(',') ?? ALL;
const STOPPED_SECONDS = Number(process.env['BENCH_STOPPED_SECONDS'] ?? 60);
const CALM_SECONDS = Number(process.env['BENCH_CALM_SECONDS'] ?? 15);
const DEVICES = 20;

/**
 * Needs `npm start -- --processes`. Telemetry, reports, metadata, results of commands and software reports flow while each
 * service behind them is stopped (SIGSTOP) for a minute, and then killed (SIGKILL), in turn. What the others got done
 * meanwhile is the result; afterwards everything must be answered and stored, and nothing parked. Throws if it is not.
 */
export const domains = async (): Promise<string> => {
  const missing = VICTIMS.filter((victim) => !runningParts().includes(victim));
  if (missing.length > 0) {
    throw new Error(`no process of its own for ${missing.join(', ')}: run npm start -- --processes`);
  }
  const run = runName('domains');
  const devices = await provision(run, DEVICES);
  const commandOf = await commandsOf(devices);
  const parkedBefore = await parked();
  const flows = await Promise.all(uplinkKinds(commandOf).map((kind) => startFlow(run, kind, devices)));
  const rows: string[][] = [];
  try {
    for (const victim of VICTIMS) {
      rows.push(...(await trial(flows, `${victim}, stopped ${STOPPED_SECONDS} s`, () => stopFor(victim))));
      rows.push(...(await trial(flows, `${victim}, killed`, () => kill(victim))));
    }
    for (const flow of flows) await flow.stop();
    await everythingAnswered(flows);
    const lost = await lostOf(flows, devices);
    const parkedNow = (await parked()) - parkedBefore;
    keepRaw('domains', { rows, lost, parked: parkedNow });
    const table = [
      markdownTable(['what happens', 'messages', 'before', 'during', 'after'], rows),
      `${SPAN[0]?.toUpperCase() ?? ''}${SPAN.slice(1)}. Five kinds at once, ${DEVICES} devices.`,
      markdownTable(
        ['messages', 'sent', 'answered', 'refused', 'lost', 'parked'],
        flows.map(({ kind, asked }, index) => [
          kind.name,
          String(asked.length),
          String(asked.filter(({ answeredAt }) => answeredAt !== undefined).length),
          String(asked.filter(({ refused }) => refused).length),
          String(lost[kind.name] ?? 0),
          index === 0 ? `${parkedNow} of all kinds` : '',
        ]),
      ),
    ].join('\n\n');
    const isWhole =
      parkedNow === 0 &&
      Object.values(lost).every((count) => count === 0) &&
      flows.every(({ asked }) => asked.every(({ refused }) => refused !== true));
    if (!isWhole) throw new Error(`something was lost, refused or parked:\n${table}`);
    return table;
  } finally {
    for (const flow of flows) {
      await flow.stop();
      await flow.close();
    }
  }
};

/** `harm` resolves when it is over: the process runs again. */
const trial = async (
  flows: readonly Flow[],
  name: string,
  harm: () => Promise<void>,
): Promise<string[][]> => {
  const before = performance.now();
  await delay(CALM_SECONDS * 1_000);
  const from = performance.now();
  await harm();
  const to = performance.now();
  await delay(CALM_SECONDS * 1_000);
  await everythingAnswered(flows, to);
  const after = performance.now();
  process.stdout.write(`${name}: done\n`);
  return flows.map(({ kind, asked }, index) => [
    index === 0 ? name : '',
    kind.name,
    spanOf(asked, before, from),
    spanOf(asked, from, to),
    spanOf(asked, to, after),
  ]);
};

const stopFor = async (victim: string): Promise<void> => {
  const pid = pidOf(victim);
  process.kill(pid, 'SIGSTOP');
  try {
    await delay(STOPPED_SECONDS * 1_000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
};

const kill = async (victim: string): Promise<void> => {
  const pid = pidOf(victim);
  process.kill(pid, 'SIGKILL');
  await startedAgain(victim, pid);
};
