import { callFor, caller, type Calls } from './callers.js';
import { provision, runName } from './platform.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, milliseconds, percentile, rate, share } from './statistics.js';

const CALLERS = 32;
const DEVICES = 640;
const SECONDS = 8;
const ROUNDS = 3;

/**
 * Changes of a desired value one by one through the REST API: 32 callers, each waits for its answer. In turn with the
 * ceiling, the same callers asking `GET /me`, which costs the gateway all but the change. Medians of three.
 */
export const changes = async (): Promise<string> => {
  const devices = await provision(runName('changes'), DEVICES);
  const { call, close } = caller(CALLERS);
  let value = 0;
  const patch = async (): Promise<boolean> => {
    value += 1;
    const { id } = devices[value % devices.length] ?? { id: '' };
    const { status } = await call('PATCH', `/devices/${id}/configuration/desired`, { interval: value });
    return status === 200;
  };
  const me = async (): Promise<boolean> => (await call('GET', '/me')).status === 200;
  const ceilings: Calls[] = [];
  const measured: Calls[] = [];
  try {
    await callFor(2, CALLERS, patch); // connections, caches
    for (let round = 0; round < ROUNDS; round += 1) {
      ceilings.push(await callFor(SECONDS, CALLERS, me));
      measured.push(await callFor(SECONDS, CALLERS, patch));
    }
  } finally {
    close();
  }
  const file = keepRaw('changes', { callers: CALLERS, seconds: SECONDS, ceilings, measured });
  const ceiling = median(ceilings.map(({ perSecond }) => perSecond));
  const row = (what: string, rounds: readonly Calls[]): string[] => [
    what,
    rate(median(rounds.map(({ perSecond }) => perSecond))),
    share(median(rounds.map(({ perSecond }) => perSecond)), ceiling),
    milliseconds(median(rounds.map(({ latencies }) => percentile(latencies, 0.5)))),
    milliseconds(median(rounds.map(({ latencies }) => percentile(latencies, 0.99)))),
    String(rounds.reduce((sum, { failed }) => sum + failed, 0)),
  ];
  return [
    markdownTable(
      [`${CALLERS} callers, medians of ${ROUNDS}`, 'done', 'of the ceiling', 'p50', 'p99', 'failed'],
      [row('PATCH …/configuration/desired', measured), row('ceiling: GET /me', ceilings)],
    ),
    `Raw results: ${file}`,
  ].join('\n\n');
};

const median = (values: readonly number[]): number => percentile(values, 0.5);
