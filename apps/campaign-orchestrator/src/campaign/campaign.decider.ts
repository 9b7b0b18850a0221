import { AppError } from '@muster/contracts';
import type { CampaignStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import { sameJson } from '@muster/contracts/same-json';
import type {
  CampaignCommand,
  CancelCampaign,
  ChangeRate,
  CreateCampaign,
  DeleteCampaign,
  EditCampaign,
  ExcludeTarget,
  LaunchCampaign,
  ReleaseBatch,
  ResumeCampaign,
  ScheduleCampaign,
} from './campaign-commands.js';
import { initial, type Campaign } from './campaign-state.js';
import type { CampaignDefinition, CampaignEvent } from './campaign.events.js';
import { assertOpens } from './definition-rules.js';
import { batchOf, found, ofBatch, paused } from './engine.decider.js';
import { evolve, type Fact } from './evolve-campaign.js';

/** Excluded one by one; whoever wants more of them out has a filter. */
export const MAX_EXCLUDED = 1_000;

/**
 * Pure. No events when the command is already satisfied, or, from the engine, out of date. Throws `campaign-not-found`,
 * `campaign-already-launched`, `campaign-status`, `version-mismatch`, `batch-not-found`, `batch-not-waiting`,
 * `invalid-request`; and nothing of a command of the engine.
 */
export const decide = (command: CampaignCommand, state: Campaign): readonly CampaignEvent[] =>
  stamped(factsOf(command, state), state);

/** Every event says the name and the status after it, one of a batch also how the batch stands. */
const stamped = (facts: readonly Fact[], before: Campaign): readonly CampaignEvent[] => {
  let state = before;
  return facts.map((fact) => {
    const { definition, status } = state;
    state = evolve(state, fact);
    const stamp = {
      name: (state.definition ?? definition)?.name,
      status: state.status ?? status,
      ...('index' in fact.data ? { batchStatus: batchOf(state, fact.data.index)?.status } : {}),
    };
    return { ...fact, data: { ...stamp, ...fact.data } } as CampaignEvent; // a fact is an event without its stamp
  });
};

const factsOf = (command: CampaignCommand, state: Campaign): readonly Fact[] => {
  switch (command.type) {
    case 'CreateCampaign':
      return create(command, state);
    case 'EditCampaign':
      return edit(command, state);
    case 'DeleteCampaign':
      return remove(command, state);
    case 'ScheduleCampaign':
      return schedule(command, state);
    case 'UnscheduleCampaign': {
      const { status } = known(state);
      if (status === 'draft') return [];
      assertStatus(state, 'take its start date back', ['scheduled']);
      return [{ type: 'CampaignUnscheduled', data: { at: command.at } }];
    }
    case 'LaunchCampaign':
      return launch(command, state);
    case 'PauseCampaign': {
      if (known(state).status === 'paused') return [];
      assertStatus(state, 'pause it', ['running']);
      assertNotEnding(state, 'pause it');
      const { at, by } = command;
      return [paused({ at, by, reason: 'operator', detail: 'An operator paused it.' })];
    }
    case 'ResumeCampaign':
      return resume(command, state);
    case 'CancelCampaign':
      return cancel(command, state);
    case 'ReleaseBatch':
      return release(command, state);
    case 'ExcludeTarget':
      return exclude(command, state);
    case 'ChangeRate':
      return changeRate(command, state);
    case 'EndWait': {
      known(state);
      assertStatus(state, 'end the wait for its devices', ['completed']);
      // Where it has succeeded, nobody is waited for.
      if (state.waitEnded !== null || state.outcome === 'succeeded') return [];
      const { at, by, reason } = command;
      return [{ type: 'CampaignWaitEnded', data: { at, by, reason } }];
    }
    case 'ResolveTargets':
    case 'FailLaunch':
    case 'ReleaseByItself':
    case 'RecordBatchDispatched':
    case 'RecordBatchSynchronised':
    case 'RecordGate':
    case 'PassBatch':
    case 'HoldByThreshold':
    case 'FinishCancel':
    case 'CompleteCampaign':
    case 'SettleCampaign':
      return found(command, state);
  }
};

// ---- operators ------------------------------------------------------------------------------------------------------

const create = ({ definition, by, at }: CreateCampaign, state: Campaign): readonly Fact[] => {
  if (state.deleted) throw notFound();
  if (state.status !== null) return [];
  assertAhead(definition.startAt, at);
  assertAhead(definition.endAt, at, 'endAt');
  return [{ type: 'CampaignCreated', data: { at, by, definition } }];
};

const edit = ({ edited, expectedRevision, at }: EditCampaign, state: Campaign): readonly Fact[] => {
  const { definition: before, status } = known(state);
  if (state.launch !== null) throw alreadyLaunched(state, 'edited');
  assertStatus(state, 'edit it', ['draft', 'scheduled']);
  const definition = edited(before);
  if (definition.startAt !== before.startAt) {
    if (status === 'scheduled' && definition.startAt === null)
      throw refusal('startAt', 'must not be removed while the campaign is scheduled: unschedule it');
    assertAhead(definition.startAt, at);
  }
  if (definition.endAt !== before.endAt) assertAhead(definition.endAt, at, 'endAt');
  const isSame = sameJson({ ...definition }, { ...before });
  assertRevision(state, expectedRevision, isSame);
  if (isSame) return [];
  return [{ type: 'CampaignEdited', data: { at, revision: state.revision + 1, definition } }];
};

const remove = ({ expectedRevision, at }: DeleteCampaign, state: Campaign): readonly Fact[] => {
  if (state.deleted) return [];
  known(state);
  if (state.launch !== null) throw alreadyLaunched(state, 'deleted');
  assertRevision(state, expectedRevision, false);
  return [{ type: 'CampaignDeleted', data: { at } }];
};

const schedule = ({ startAt: wanted, at }: ScheduleCampaign, state: Campaign): readonly Fact[] => {
  const { definition, status } = known(state);
  assertStatus(state, 'schedule it', ['draft', 'scheduled']);
  const startAt = wanted ?? definition.startAt;
  if (startAt === null) throw refusal('startAt', 'must be given: the campaign has none');
  if (status === 'scheduled' && startAt === state.startAt) return [];
  assertAhead(startAt, at);
  if (definition.endAt !== null && Date.parse(startAt) >= Date.parse(definition.endAt))
    throw refusal('startAt', `must be before endAt, which is ${definition.endAt}`);
  assertOpens({ ...definition, startAt }, at);
  return [{ type: 'CampaignScheduled', data: { at, startAt } }];
};

const launch = (command: LaunchCampaign, state: Campaign): readonly Fact[] => {
  const { launchId, by, expectedCount, defaultEndAt, scheduledFor, at } = command;
  if (scheduledFor !== undefined && (state.status !== 'scheduled' || state.startAt !== scheduledFor))
    return [];
  const { definition, status } = known(state);
  // Twice is once, whoever asked first.
  if (status === 'running' || status === 'paused') return [];
  assertStatus(state, 'launch it', ['draft', 'scheduled']);
  const endAt = definition.endAt ?? defaultEndAt;
  assertAhead(endAt, at, 'endAt');
  return [{ type: 'CampaignLaunched', data: { at, launchId, by, expectedCount, endAt } }];
};

const resume = ({ overrideGate, by, at }: ResumeCampaign, state: Campaign): readonly Fact[] => {
  const { status } = known(state);
  if (status === 'running') return [];
  assertStatus(state, 'resume it', ['paused']);
  const resumed: Fact = { type: 'CampaignResumed', data: { at, by, overrideGate } };
  const gated = state.batches.find(
    ({ status: own, heldFrom }) =>
      (own === 'held' && heldFrom === 'observing') ||
      // A gate that has not answered yet; the threshold is another question.
      (own === 'observing' && state.pause?.reason !== 'threshold'),
  );
  if (!overrideGate || gated === undefined) return [resumed];
  return [resumed, { type: 'BatchPassed', data: { at, ...ofBatch(gated), overridden: true } }];
};

const cancel = ({ mode, by, at }: CancelCampaign, state: Campaign): readonly Fact[] => {
  const { status } = known(state);
  if (status === 'cancelled') return [];
  assertStatus(state, 'cancel it', ['draft', 'scheduled', 'running', 'paused']);
  // To be gentle after all is no use to a device that is given up already.
  if (state.cancel !== null && (state.cancel.mode === mode || mode === 'soft')) return [];
  const requested: Fact = { type: 'CampaignCancelRequested', data: { at, by, mode } };
  if (state.launch !== null) return [requested];
  return [requested, { type: 'CampaignCancelled', data: { at, targets: {} } }];
};

const release = ({ index, by, at }: ReleaseBatch, state: Campaign): readonly Fact[] => {
  known(state);
  assertStatus(state, 'release a batch', ['running']);
  const batch = batchOf(state, index);
  if (
    batch === undefined &&
    state.launch?.resolved !== true &&
    index <= (state.definition?.batches.length ?? 0)
  )
    throw new AppError(
      'batch-not-waiting',
      `Batch ${index} is planned; the devices of the campaign are being found. It can be released when it is waiting.`,
    );
  if (batch === undefined) {
    const most = (state.definition?.batches.length ?? 0).toString();
    throw new AppError(
      'batch-not-found',
      `The campaign has no batch ${index}; its batches are 1 to ${most}.`,
    );
  }
  if (batch.releasedAt !== null) return [];
  assertNotEnding(state, 'release a batch');
  if (batch.status !== 'waiting') {
    throw new AppError(
      'batch-not-waiting',
      `Batch ${index} is ${batch.status}; it can be released when it is waiting, which it is as soon as batch ${index - 1} is passed.`,
    );
  }
  return [{ type: 'BatchReleased', data: { at, ...ofBatch(batch), by } }];
};

const exclude = ({ deviceId, by, at }: ExcludeTarget, state: Campaign): readonly Fact[] => {
  known(state);
  assertStatus(state, 'exclude a device', ['running', 'paused']);
  if (state.excluded.includes(deviceId)) return [];
  if (state.excluded.length >= MAX_EXCLUDED)
    throw refusal('deviceId', `must be one of at most ${MAX_EXCLUDED} that are excluded from a campaign`);
  return [{ type: 'TargetExcluded', data: { at, deviceId, by } }];
};

const changeRate = (command: ChangeRate, state: Campaign): readonly Fact[] => {
  known(state);
  assertStatus(state, 'change its rate', ['running', 'paused']);
  const { ratePerMinute = state.rate.ratePerMinute, maxInFlight = state.rate.maxInFlight, at } = command;
  if (ratePerMinute === state.rate.ratePerMinute && maxInFlight === state.rate.maxInFlight) return [];
  return [{ type: 'RateChanged', data: { at, ratePerMinute, maxInFlight } }];
};

// ---- conditions -----------------------------------------------------------------------------------------------------

const known = (state: Campaign): { status: CampaignStatus; definition: CampaignDefinition } => {
  const { status, definition } = state;
  if (status === null || definition === null) throw notFound();
  return { status, definition };
};

const notFound = (): AppError => new AppError('campaign-not-found', 'No such campaign.');

const assertStatus = ({ status }: Campaign, what: string, possible: readonly CampaignStatus[]): void => {
  if (status !== null && possible.includes(status)) return;
  throw new AppError(
    'campaign-status',
    `The campaign is ${status}; to ${what} is possible in ${possible.join(', ')}.`,
  );
};

const assertNotEnding = ({ cancel: ending }: Campaign, what: string): void => {
  if (ending === null) return;
  throw new AppError(
    'campaign-status',
    `The campaign is being cancelled; to ${what} is possible while it is running and nobody has cancelled it.`,
  );
};

const alreadyLaunched = ({ status }: Campaign, what: string): AppError =>
  new AppError(
    'campaign-already-launched',
    `The campaign is ${status}; it can be ${what} in draft, scheduled.`,
  );

/** With nothing to change an older one is a repetition, and satisfied; one that has never been is nobody's. */
const assertRevision = ({ revision }: Campaign, expected: number | undefined, isSatisfied: boolean): void => {
  if (expected === undefined || expected === revision || (isSatisfied && expected < revision)) return;
  throw new AppError('version-mismatch', `The campaign is at revision ${revision}, not ${expected}.`);
};

const assertAhead = (time: string | null, at: string, path = 'startAt'): void => {
  if (time !== null && Date.parse(time) <= Date.parse(at)) throw refusal(path, 'must be in the future');
};

const refusal = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });

/** The stream `campaign-<id>`. */
export const campaign = { name: 'campaign', stateVersion: 4, initial, evolve, decide } as const;
