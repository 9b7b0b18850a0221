import { AppError, isPassing, type Actor } from '@muster/contracts';
import { asAppError, type Database, type EventStore } from '@muster/event-store';
import type { StepHandler, StepKey, Steps } from '@muster/jobs';
import { phaseOfFault } from '../campaign/campaign-phases.js';
import type { DeviceWatch } from '../target/device-watch.js';
import type { CampaignDevices } from '../target/target-devices.js';
import { supervision, type SupervisionCommand } from './supervision.decider.js';
import type { SupervisedTarget } from './supervision.events.js';
import type { SupervisedDevices } from './supervised-devices.js';

/** The step of a supervision; its key is the supervision's id. */
export const SUPERVISION_STEP = 'supervision';

const JUDGE_AT_ONCE = 500;
/** Of one step: after them others have their turn. */
const ROUNDS = 20;
const FORGET_AT_ONCE = 5_000;
/** So long after a launch, devices that their campaign is about to write wait for the look that comes with it. */
const WRITTEN_FIRST_MS = 120_000;
const LOOK_LATER_MS = 2_000;

const SYSTEM: Actor = { kind: 'system', id: 'supervision' };

export interface SupervisionStepParts {
  readonly database: Database;
  readonly store: EventStore;
  readonly steps: Steps;
  readonly targets: CampaignDevices;
  readonly watch: DeviceWatch;
  readonly devices: SupervisedDevices;
}

/**
 * Brings a supervision to where nothing is left to do: finds its devices, looks at each of them once (after that their
 * events do), and forgets them when it was deleted. Killed anywhere it begins again, and does nothing twice.
 */
export const supervisionStep =
  (parts: SupervisionStepParts): StepHandler =>
  async (step) => {
    const { store } = parts;
    const { state } = await store.load(supervision, step.tenantId, step.key);
    switch (state.status) {
      case 'resolving':
        return resolve(parts, step, state.target);
      case 'open':
        return judgeRest(parts, step);
      case 'deleted':
        if (!(await parts.devices.forget(step.tenantId, step.key, FORGET_AT_ONCE))) await again(parts, step);
        return;
      case 'failed':
      case 'closed':
      case null:
    }
  };

const resolve = async (
  parts: SupervisionStepParts,
  step: StepKey,
  target: SupervisedTarget,
): Promise<void> => {
  const { tenantId, key: supervisionId } = step;
  let total = 0;
  try {
    // A campaign brings its devices itself, in the transaction that opens the supervision.
    if (target === null) throw new Error('a supervision of a campaign has its devices from the beginning');
    await parts.targets.catchUp(tenantId, [target]);
    for (let after: string | null = null; ;) {
      const { devices, next } = await parts.targets.page(tenantId, target, after);
      total += devices.length;
      await parts.database.transaction((tx) => parts.devices.add(tx, { tenantId, supervisionId }, devices));
      if (next === null) break;
      after = next;
    }
    if (total === 0) throw new AppError('invalid-request', 'The target means no device.');
  } catch (error) {
    if (!(error instanceof AppError) || isPassing(error)) {
      // Where the database is away, nobody can read it either.
      await showFault(parts, step, error).catch(() => undefined);
      throw error;
    }
    const { code, detail } = error;
    await record(parts, step, { type: 'FailSupervision', code, detail, by: SYSTEM, at: now() });
    return;
  }
  await record(parts, step, { type: 'ResolveSupervision', total, by: SYSTEM, at: now() });
  await again(parts, step);
};

/** Until it is tried again: no event, for nothing has been decided. Goes when its devices are found. */
const showFault = async (
  { database }: SupervisionStepParts,
  { tenantId, key }: StepKey,
  error: unknown,
): Promise<void> => {
  const fault = asAppError(error);
  const code = fault instanceof AppError ? fault.code : 'internal';
  const { detail } = phaseOfFault(error);
  await database.query(
    `UPDATE supervisions SET error = $3 WHERE tenant_id = $1 AND id = $2 AND status = 'resolving'`,
    [tenantId, key, JSON.stringify({ code, detail })],
  );
};

const judgeRest = async (parts: SupervisionStepParts, step: StepKey): Promise<void> => {
  const { tenantId, key } = step;
  if (await isBeingWritten(parts, step)) return again(parts, step, LOOK_LATER_MS);
  for (let round = 0; round < ROUNDS; round += 1) {
    const unjudged = await parts.devices.unjudged(tenantId, key, JUDGE_AT_ONCE);
    if (unjudged.length === 0) return;
    await parts.watch.look(tenantId, unjudged);
  }
  await again(parts, step);
};

/**
 * By its campaign, since a short time, or their interfaces have not told yet that they were sent what was written: to look at each of
 * its devices before and after that would be twice the work.
 */
const isBeingWritten = async (
  { database }: SupervisionStepParts,
  { tenantId, key }: StepKey,
): Promise<boolean> => {
  const { rows } = await database.query<{ busy: boolean }>({
    name: 'supervised-and-written',
    text: `SELECT EXISTS (
             SELECT FROM supervisions s
             JOIN campaign_phases p ON p.tenant_id = s.tenant_id AND p.campaign_id = s.campaign_id
                                   AND p.phase IN ('snapshotting', 'dispatching', 'awaiting_service')
             WHERE s.tenant_id = $1 AND s.id = $2 AND s.opened_at > now() - $3 * interval '1 millisecond') AS busy`,
    values: [tenantId, key, WRITTEN_FIRST_MS],
  });
  return rows[0]?.busy === true;
};

const again = (
  { database, steps }: SupervisionStepParts,
  { tenantId, name, key }: StepKey,
  afterMs = 0,
): Promise<void> => {
  const at = new Date(Date.now() + afterMs).toISOString();
  return database.transaction((tx) => steps.set(tx, { tenantId, name, key, at }));
};

const record = async (
  { store }: SupervisionStepParts,
  { tenantId, key: id }: StepKey,
  command: SupervisionCommand,
): Promise<void> => {
  await store.execute(supervision, { tenantId, id, command, metadata: { actor: SYSTEM } });
};

const now = (): string => new Date().toISOString();
