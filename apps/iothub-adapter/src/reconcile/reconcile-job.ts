import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import { listAccess } from '@muster/contracts/device-registry/access.requests';
import type { StrangerChoice } from '@muster/contracts/iothub-adapter/reconcile.requests';
import type { Database } from '@muster/event-store';
import type { JobItemOutcome, JobKind, JobOf, PlanPage } from '@muster/jobs';
import type { Bus } from '@muster/messaging';
import { deleteIdentity, listIdentities, readIdentity } from '../azure/hub-identities.js';
import { HubFailure } from '../azure/hub-rest.js';
import type { HubBudget } from '../hub/hub-budget.js';
import type { RateClass } from '../hub/hub-rates.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import type { IdentityLedger } from '../identity/identity-ledger.js';
import { adoptIdentity } from './adopt-identity.js';
import type { Findings, OpenFinding, Settled } from './findings.js';

export const RECONCILE_JOB = 'iot-hub-reconcile';
export const RECONCILE_DRY_RUN_JOB = 'iot-hub-reconcile-dry-run';

export interface ReconcileParams {
  readonly hubId: string;
  readonly unknown: StrangerChoice;
  /** Id. With `adopt`. */
  readonly deviceType?: string;
  /** When it was asked for, ISO. */
  readonly since: string;
}

interface Parts {
  readonly database: Database;
  readonly bus: Pick<Bus, 'request'>;
  readonly hubs: OpenHubs;
  readonly ledger: IdentityLedger;
  readonly budget: HubBudget;
  readonly findings: Findings;
}

type Reconciling = JobOf<ReconcileParams>;

const DEVICES_PAGE = 500;
const ITEMS_PAGE = 5_000;
const ASK_MS = 10_000;
/** Identities of others that a chunk decides about at the same time. */
const AT_ONCE = 10;
/** How long a chunk waits for a hub before it says so and makes room for others. */
const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 200;
/** As often the ledger tries before the job tells what the hub says; the ledger goes on trying. */
const TRIES = 5;

/**
 * Brings a hub and the registry together. It first asks the registry for all devices of the interface, in case an event of
 * them was lost; then walks all identities of the hub, and what is different becomes its items. The ledger, and nobody else,
 * makes and mends identities, so that what is wanted may change meanwhile; the job waits for it.
 */
export const reconcileJob = (parts: Parts): JobKind<ReconcileParams> => ({
  kind: RECONCILE_JOB,
  // What is different by now is not what was different then: it is asked for anew.
  retry: false,
  plan: (job, cursor) => planPage(parts, job, cursor ?? 'devices '),
  prepare: async (job, items) => {
    const open = await hubOf(parts, job);
    const found = await parts.findings.these(parts.database, { hub: open.hub, jobId: job.jobId }, items);
    await mend(parts, open, found);
    const strangers = found.filter(({ finding, outcome }) => finding === 'unknown' && outcome === 'open');
    for (let at = 0; at < strangers.length; at += AT_ONCE) {
      await Promise.all(
        strangers.slice(at, at + AT_ONCE).map((one) => decideStranger(parts, open, job, one)),
      );
    }
  },
  run: async (tx, job, items) => {
    const { findings, ledger } = parts;
    const hub = { tenantId: job.tenantId, id: job.params.hubId };
    const found = await findings.these(tx, { hub, jobId: job.jobId }, items);
    const faults = await ledger.open(tx, hub.id, items);
    const outcomes = new Map<string, JobItemOutcome>();
    for (const one of found) {
      const settled = one.finding === 'unknown' ? one : settledBy(one, faults);
      if (one.finding !== 'unknown') await findings.settle(tx, hub, one.hubDeviceId, settled);
      if (settled.outcome === 'refused') outcomes.set(one.hubDeviceId, told(settled));
    }
    return items.map((item) => outcomes.get(item) ?? {});
  },
});

/** The walk alone: its items are what is different. */
export const reconcileDryRunJob = (parts: Parts): JobKind<ReconcileParams> => ({
  kind: RECONCILE_DRY_RUN_JOB,
  retry: false,
  plan: (job, cursor) => planPage(parts, job, cursor ?? 'hub '),
  run: (_tx, _job, items) => Promise.resolve(items.map(() => ({}))),
});

/** In steps, each of which may be done again: `devices` of the registry, `ledger`, `hub`, `compare`, `items`. */
const planPage = async (parts: Parts, job: Reconciling, cursor: string): Promise<PlanPage> => {
  const { bus, ledger, findings } = parts;
  const { tenantId, jobId, params } = job;
  const [step = '', after = ''] = cursor.split(/ (.*)/s);
  const open = await hubOf(parts, job);
  const walk = { hub: open.hub, jobId, since: params.since };
  switch (step) {
    case 'devices': {
      const page = await bus.request(
        listAccess,
        { limit: DEVICES_PAGE, ...(after === '' ? {} : { cursor: after }) },
        { timeoutMs: ASK_MS },
      );
      const ours = page.entries.filter(
        (entry) => entry.interface === 'iothub' && entry.tenantId === tenantId,
      );
      if (ours.length > 0) await ledger.note(ours.map(({ deviceId }) => deviceId));
      return { items: [], next: page.nextCursor === null ? 'ledger ' : `devices ${page.nextCursor}` };
    }
    case 'ledger': {
      const ids = await ledger.devicesIn(open.hub.id, after, DEVICES_PAGE);
      if (ids.length > 0) await ledger.note(ids);
      return { items: [], next: ids.length < DEVICES_PAGE ? 'hub ' : `ledger ${ids.at(-1) ?? ''}` };
    }
    case 'hub': {
      const { found, next } = await asked(parts, open, 'queries', () =>
        listIdentities(open.rest, after === '' ? undefined : after),
      );
      await findings.see(walk, found);
      return { items: [], next: next === undefined ? 'compare ' : `hub ${next}` };
    }
    case 'compare':
      await findings.compare(walk);
      return { items: [], next: 'items ' };
    default: {
      const items = await findings.ofJob(walk, after, ITEMS_PAGE);
      return { items, next: items.length < ITEMS_PAGE ? null : `items ${items.at(-1) ?? ''}` };
    }
  }
};

const hubOf = async ({ hubs }: Pick<Parts, 'hubs'>, { params }: Reconciling): Promise<OpenHub> => {
  const open = await hubs.one(params.hubId);
  if (open === undefined)
    throw new AppError(
      'iot-hub-not-found',
      'There is no such IoT Hub any more, or its key cannot be opened.',
    );
  return open;
};

/** Asks a hub within its throttle. What may pass is told as such, so that the job waits and says for what. */
const asked = async <T>(
  { budget }: Pick<Parts, 'budget'>,
  { hub }: OpenHub,
  of: RateClass,
  ask: () => Promise<T>,
): Promise<T> => {
  if (!(await budget.wait(hub, of, PATIENCE_MS)))
    throw new AppError('unavailable', `IoT Hub "${hub.name}" may not be asked more often.`);
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof HubFailure)) throw error;
    if (error.status === 429) await budget.drain(hub, of, error.retryAfterSeconds ?? 1);
    const words = `IoT Hub "${hub.name}": ${error.message}.`;
    // A revoked key is replaced by somebody; until then the job waits.
    const passes = error.passes || error.status === 401 || error.status === 403;
    throw new AppError(passes ? 'unavailable' : 'iot-hub-refused', words, { cause: error });
  }
};

/** Gives to the ledger what is missing or different, once, and waits until it has done it. */
const mend = async (
  { database, ledger }: Pick<Parts, 'database' | 'ledger'>,
  { hub }: OpenHub,
  found: readonly OpenFinding[],
): Promise<void> => {
  const ours = found.filter(({ finding }) => finding !== 'unknown').map(({ hubDeviceId }) => hubDeviceId);
  if (ours.length === 0) return;
  await database.transaction(async (tx) => {
    const { rows } = await tx.query<{ hub_device_id: string }>(
      `UPDATE hub_findings SET asked = true WHERE hub_id = $1 AND hub_device_id = ANY($2) AND NOT asked
       RETURNING hub_device_id`,
      [hub.id, ours],
    );
    await ledger.doubt(
      tx,
      hub.id,
      rows.map((row) => row.hub_device_id),
    );
  });
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const waiting = (await ledger.open(database, hub.id, ours)).filter(({ attempts }) => attempts < TRIES);
    if (waiting.length === 0) return;
    if (Date.now() >= until) {
      const fault = waiting.find((one) => one.fault !== undefined)?.fault;
      throw new AppError(
        'unavailable',
        `${waiting.length} identities are still to be brought to IoT Hub "${hub.name}"${fault === undefined ? ', at the pace that it allows' : `: ${fault}`}.`,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
};

const settledBy = (
  { hubDeviceId, finding }: OpenFinding,
  faults: readonly { readonly hubDeviceId: string; readonly fault: string | undefined }[],
): Settled => {
  const fault = faults.find((one) => one.hubDeviceId === hubDeviceId)?.fault;
  if (fault === undefined) return { outcome: finding === 'missing' ? 'made' : 'mended' };
  return { outcome: 'refused', code: 'iot-hub-refused', detail: `${fault}; it is tried again` };
};

/** An identity that nobody here has. */
const decideStranger = async (
  parts: Parts,
  open: OpenHub,
  { params, actor }: Reconciling,
  { hubDeviceId }: OpenFinding,
): Promise<void> => {
  const { database, findings, bus } = parts;
  const settle = (settled: Settled) => findings.settle(database, open.hub, hubDeviceId, settled);
  switch (params.unknown) {
    case 'report':
      return;
    case 'remove':
      await asked(parts, open, 'identities', () => deleteIdentity(open.rest, hubDeviceId));
      return settle({ outcome: 'removed' });
    case 'adopt': {
      const found = await asked(parts, open, 'identities', () => readIdentity(open.rest, hubDeviceId));
      // Removed since the walk.
      if (found === undefined) return findings.drop(database, open.hub, hubDeviceId);
      const device = { deviceType: params.deviceType ?? '' };
      return settle(await adoptIdentity(bus, { hub: open.hub, hubDeviceId, found, device, actor }));
    }
  }
};

const told = ({ code, detail }: Settled): JobItemOutcome => ({
  code: code ?? 'iot-hub-refused',
  ...(detail === undefined ? {} : { detail }),
});
