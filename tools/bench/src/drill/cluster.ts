import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES, severalNodes, type Cluster } from '@muster/launcher';
import type pg from 'pg';
import type { Counted } from '../campaign-recount.js';
import { waitFor } from '../parts.js';
import { markdownTable } from '../statistics.js';
import { isWhole, keptQueues, keptStreams, type Kept } from './kept.js';
import { Load, type Outcome } from './load.js';
import { connectDatabase, openDrill, say, verdictOf } from './platform.js';
import { inSeconds, rowOfSpan, SPAN_HEAD, type Span } from './spans.js';

const NODES = 3;
const REPLICAS = Number(process.env['BENCH_REPLICAS'] ?? 1);
const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 300);
const CONNECTED = Number(process.env['BENCH_CONNECTED'] ?? 30);
const CALM_SECONDS = Number(process.env['BENCH_CALM_SECONDS'] ?? 20);
/** From the kill on, before the node is started again. */
const AWAY_SECONDS = Number(process.env['BENCH_AWAY_SECONDS'] ?? 30);
/** What starting a node and catching up takes, about. */
const BACK_SECONDS = 20;
/** An answer that took longer was waited for. */
const PROMPT_MS = 1_000;

type Node = Cluster['nats']['nodes'][number] | Cluster['rabbitmq']['nodes'][number];

/**
 * Three nodes of NATS and three of RabbitMQ, from a platform of its own, under everything at once. First it is looked whether
 * streams and queues are really kept by three; then the node of NATS that leads most streams is killed (SIGKILL), stays away and
 * comes back, and the node of RabbitMQ that leads `muster.uplink` after it. Afterwards everything is counted. Throws with the tables when something
 * is lost, done twice or parked, or is not kept by three again. Runs alone.
 */
export const cluster = async (): Promise<string> => {
  say(`${NODES} nodes each of NATS and RabbitMQ, ${DEVICES} devices, ${CONNECTED} connected; starting …`);
  let opened: Cluster | undefined;
  const all = await openDrill(
    'cluster',
    severalNodes(NODES, (nodes) => (opened = nodes)),
  );
  let database: pg.Client | undefined;
  let load: Load | undefined;
  const watching = new AbortController();
  try {
    if (opened === undefined) throw new Error('the servers were brought up');
    const nodes: Cluster = opened;
    const { nats, rabbitmq } = nodes;
    say(`RabbitMQ ${rabbitmq.version} and NATS are ready`);
    await all.migrate();
    for (let nth = 1; nth <= REPLICAS; nth += 1)
      await Promise.all(SERVICES.map((service) => all.start(service, nth)));
    say('the services are ready');
    database = await connectDatabase();
    load = await Load.begin('cluster', {
      devices: DEVICES,
      connected: CONNECTED,
      writingSeconds: Math.round((CALM_SECONDS + 2 * (AWAY_SECONDS + BACK_SECONDS)) * 0.8),
    });
    const seen = watchConnected(load, watching.signal);
    const spans: Span[] = [];
    const during = async (what: string, work: () => Promise<void>): Promise<void> => {
      const from = performance.now();
      await work();
      spans.push({ what, from, to: performance.now() });
      say(`${what}: done`);
    };
    const lose = async (node: Node, led: string, whole: () => Promise<boolean>): Promise<void> => {
      await waitFor('all devices to be connected', () => load?.isConnected() === true);
      await load?.startJobs();
      await during(`${node.name} killed, ${led}`, async () => {
        await node.kill();
        await delay(AWAY_SECONDS * 1_000);
      });
      await during(`${node.name} back, until it has all again`, async () => {
        await node.start();
        await waitFor(`${node.name} to have all again`, whole);
      });
    };
    await during('(nobody)', () => delay(CALM_SECONDS * 1_000));
    await waitFor('queues to have a member at each node', async () =>
      (await keptQueues(nodes)).filter(({ type }) => type === 'quorum').every(isThree),
    );
    const streams = await streamsOf(nodes);
    const queues = await keptQueues(nodes);
    const areStreamsWhole = async (): Promise<boolean> => {
      const now = await keptStreams(nodes);
      return now !== undefined && now.length >= streams.length && now.every(isWhole);
    };
    const leader = leaderOfMost(nats.nodes, streams);
    const led = streams.filter((one) => one.leader === leader.name).length;
    await lose(leader, `which led ${led} of ${streams.length} streams`, areStreamsWhole);
    const [uplink] = queues.filter(({ name }) => name === 'muster.uplink');
    const broker = rabbitmq.nodes.find(({ name }) => name === uplink?.leader);
    if (broker === undefined) throw new Error('nobody leads muster.uplink');
    const areQueuesWhole = async (): Promise<boolean> => {
      const now = await keptQueues(nodes).catch(() => []);
      return now.length === queues.length && now.every(isWhole);
    };
    const ledQueues = queues.filter((one) => one.leader === broker.name).length;
    await lose(broker, `which led ${ledQueues} of ${queues.length} queues`, areQueuesWhole);
    say('counting …');
    const outcome = withKept(await load.end(database), await streamsOf(nodes), await keptQueues(nodes));
    const raw = { devices: DEVICES, connected: CONNECTED, streams, queues, spans, seen };
    return verdictOf(
      'cluster',
      [tableOfKept([...streams, ...queues]), tableOfSpans(spans, outcome, seen)],
      outcome,
      raw,
    );
  } finally {
    watching.abort();
    await load?.close();
    await database?.end();
    await all.stop();
    if (process.env['BENCH_KEEP'] === undefined) all.remove();
  }
};

const streamsOf = async (nodes: Cluster): Promise<readonly Kept[]> => {
  let streams: readonly Kept[] | undefined;
  await waitFor(
    'JetStream to tell of its streams',
    async () => (streams = await keptStreams(nodes)) !== undefined,
  );
  return streams ?? [];
};

const leaderOfMost = (
  nodes: Cluster['nats']['nodes'],
  streams: readonly Kept[],
): Cluster['nats']['nodes'][number] => {
  const leads = (name: string): number => streams.filter((one) => one.leader === name).length;
  const [most] = [...nodes].sort((a, b) => leads(b.name) - leads(a.name));
  if (most === undefined) throw new Error('there are nodes');
  return most;
};

/** How many devices were connected at a time of `performance.now()`. */
type Seen = readonly { readonly at: number; readonly connected: number }[];

const watchConnected = (load: Load, signal: AbortSignal): Seen => {
  const seen: { at: number; connected: number }[] = [];
  const look = setInterval(() => seen.push({ at: performance.now(), connected: load.connected }), 100);
  signal.addEventListener('abort', () => clearInterval(look));
  return seen;
};

const tableOfKept = (kept: readonly Kept[]): string =>
  markdownTable(
    ['', 'type', 'leader', 'servers that are to have it', 'have all of it'],
    kept.map(({ name, type, leader, members, current }) => [
      name,
      type,
      leader,
      String(members),
      String(current),
    ]),
  );

const tableOfSpans = (spans: readonly Span[], outcome: Outcome, seen: Seen): string =>
  markdownTable(
    ['', 'for', 'telemetry answered within 1 s again', 'connected: least, all again', ...SPAN_HEAD],
    spans.map((span) => [
      span.what,
      inSeconds(span.to - span.from),
      promptAgain(span, outcome),
      connectedIn(span, seen),
      ...rowOfSpan(span, outcome),
    ]),
  );

/** After the last sample that was waited for. */
const promptAgain = ({ from, to }: Span, { flows }: Outcome): string => {
  const waited = flows
    .filter(({ kind }) => kind.name === 'telemetry')
    .flatMap(({ asked }) => asked)
    .filter(({ sentAt }) => sentAt >= from && sentAt < to)
    .filter(({ sentAt, answeredAt = Number.POSITIVE_INFINITY }) => answeredAt - sentAt > PROMPT_MS);
  return waited.length === 0
    ? 'always'
    : `${inSeconds(Math.max(...waited.map(({ sentAt }) => sentAt)) - from)} after`;
};

const connectedIn = ({ from, to }: Span, seen: Seen): string => {
  const within = seen.filter(({ at }) => at >= from && at < to);
  const least = Math.min(...within.map(({ connected }) => connected));
  const missing = within.filter(({ connected }) => connected < CONNECTED);
  const last = missing.at(-1);
  return last === undefined
    ? `all ${CONNECTED}`
    : `${least} of ${CONNECTED}, ${inSeconds(last.at - from)} after`;
};

const withKept = (outcome: Outcome, streams: readonly Kept[], queues: readonly Kept[]): Outcome => {
  const quorum = queues.filter(({ type }) => type === 'quorum');
  const more: Counted[] = [
    ['streams that three servers have whole', streams.length, streams.filter(isThree).length],
    ['queues of devices: quorum, and three nodes have them whole', 5, quorum.filter(isThree).length],
  ];
  return { ...outcome, counted: [...outcome.counted, ...more] };
};

const isThree = (one: Kept): boolean => isWhole(one) && one.members === NODES;
