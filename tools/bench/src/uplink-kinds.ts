import { waitFor } from './parts.js';
import { call, type BenchDevice } from './platform.js';
import type { Flow, FlowKind } from './steady-flow.js';
import { storedSequences } from './stored-sequences.js';

/** One for each service that takes what devices send. */
export const uplinkKinds = (commandOf: ReadonlyMap<string, number>): readonly FlowKind[] => [
  { name: 'telemetry', path: 'dcx/{token}/json', perSecond: 200, body: (seq) => ({ seq }) },
  { name: 'reports', path: 'cmx/{token}/state/json', perSecond: 20, body: (n) => ({ n }) },
  { name: 'metadata', path: 'epmx/{token}/update/keys', perSecond: 20, body: (n) => ({ n }) },
  {
    name: 'results',
    path: 'cex/{token}/result/bench',
    perSecond: 20,
    body: (n, { id }) => ({ id: commandOf.get(id), statusCode: 200, payload: n }),
  },
  {
    name: 'software',
    path: 'cmx_ota/{token}/applied/json',
    perSecond: 20,
    body: () => ({ configId: '1.0.0', statusCode: 200 }),
  },
];

/** A command for each device, so that there is something to report a result of. */
export const commandsOf = async (devices: readonly BenchDevice[]): Promise<ReadonlyMap<string, number>> => {
  const ids = new Map<string, number>();
  for (const { id } of devices) {
    const { number } = await call<{ number: number }>(
      'POST',
      `/devices/${id}/commands`,
      { type: 'bench', ttlSeconds: 86_400 },
      [200, 201, 202],
    );
    ids.set(id, number);
  }
  return ids;
};

export const everythingAnswered = (
  flows: readonly Flow[],
  sentBefore = Number.POSITIVE_INFINITY,
): Promise<void> =>
  waitFor('every message to be answered', () =>
    flows.every(({ asked }) =>
      asked.every(({ sentAt, answeredAt }) => answeredAt !== undefined || sentAt >= sentBefore),
    ),
  );

/** Telemetry: samples that were acknowledged and are not there. The others: devices whose last message is not what the platform shows. */
export const lostOf = async (
  flows: readonly Flow[],
  devices: readonly BenchDevice[],
): Promise<Readonly<Record<string, number>>> => {
  const lost: Record<string, number> = {};
  for (const { kind, asked } of flows) {
    lost[kind.name] = 0;
    for (const device of devices) {
      const sent = asked
        .filter((one) => one.device === device && one.acknowledgedAt !== undefined)
        .map(({ n }) => n);
      lost[kind.name] = (lost[kind.name] ?? 0) + (await missing(kind.name, device, sent));
    }
  }
  return lost;
};

const missing = async (kind: string, device: BenchDevice, sent: readonly number[]): Promise<number> => {
  const last = sent.at(-1);
  const isLast = (value: unknown): number => (value === last ? 0 : 1);
  switch (kind) {
    case 'telemetry': {
      const stored = new Set(await storedSequences(device));
      return sent.filter((seq) => !stored.has(seq)).length;
    }
    case 'reports': {
      type View = { readonly keys: { readonly n?: { readonly reported?: unknown } } };
      return isLast((await call<View>('GET', `/devices/${device.id}/configuration`)).keys.n?.reported);
    }
    case 'metadata': {
      type View = { readonly metadata: { readonly n?: number } };
      return isLast((await call<View>('GET', `/devices/${device.id}`)).metadata.n);
    }
    default:
      return 0;
  }
};

/** What was set aside, whatever became of it since. */
export const parked = async (): Promise<number> =>
  (await call<{ items: readonly object[] }>('GET', '/parked?limit=500')).items.length;

/** What waits for somebody to look at it. */
export const openParked = async (): Promise<number> =>
  (await call<{ items: readonly object[] }>('GET', '/parked?filter=state==open&limit=500')).items.length;
