import { describe, expect, it } from '@jest/globals';
import type { CampaignStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import { scenario } from '@muster/testing';
import type { CampaignCommand } from './campaign-commands.js';
import { initial, type Campaign } from './campaign-state.js';
import { campaign, MAX_EXCLUDED } from './campaign.decider.js';
import type { CampaignDefinition, CampaignEvent } from './campaign.events.js';
import {
  after,
  anna,
  at,
  batchOf,
  cancel,
  complete,
  completeAs,
  settle,
  create,
  definitionOf,
  dispatched,
  endWait,
  END_AT,
  finishCancel,
  gate,
  judged,
  launch,
  numbers,
  passed,
  pause,
  released,
  resolve,
  resume,
  stateAfter,
  synchronised,
} from './campaigns.fixture.js';

const decider = scenario(campaign);
const engine = { kind: 'system', id: 'campaign-orchestrator' };
const stamp = (status: CampaignStatus, seconds: number) => ({ name: 'warmer', status, at: at(seconds) });

const schedule: CampaignCommand = { type: 'ScheduleCampaign', startAt: at(100), at: at(2) };
const edit = (change: Partial<CampaignDefinition>, more: object = {}): CampaignCommand => ({
  type: 'EditCampaign',
  edited: (before) => ({ ...before, ...change }),
  at: at(2),
  ...more,
});
const remove: CampaignCommand = { type: 'DeleteCampaign', at: at(2) };

const draft = after(create());
const scheduled = after(create(), schedule);
const running = after(create(), launch(), resolve(2));
const paused = after(create(), launch(), resolve(2), pause);
const completed = after(create(), launch(), resolve(2), complete);
const cancelled = after(create(), cancel());

const histories: Readonly<Record<string, readonly CampaignEvent[]>> = {
  none: [],
  draft,
  scheduled,
  running,
  paused,
  completed,
  cancelled,
};

/** As the table of statuses has it: what each command leads to from each status, or the code of its refusal. */
describe('in each status', () => {
  const all: readonly [string, CampaignCommand, Readonly<Record<string, string>>][] = [
    [
      'edit',
      edit({ name: 'colder' }),
      {
        none: 'campaign-not-found',
        draft: 'draft',
        scheduled: 'scheduled',
        running: 'campaign-already-launched',
        paused: 'campaign-already-launched',
        completed: 'campaign-already-launched',
        cancelled: 'campaign-status',
      },
    ],
    [
      'delete',
      remove,
      {
        none: 'campaign-not-found',
        draft: 'none',
        scheduled: 'none',
        running: 'campaign-already-launched',
        paused: 'campaign-already-launched',
        completed: 'campaign-already-launched',
        cancelled: 'none',
      },
    ],
    [
      'schedule',
      { ...schedule, startAt: at(200) },
      {
        none: 'campaign-not-found',
        draft: 'scheduled',
        scheduled: 'scheduled',
        running: 'campaign-status',
        paused: 'campaign-status',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'unschedule',
      { type: 'UnscheduleCampaign', at: at(2) },
      {
        none: 'campaign-not-found',
        draft: 'draft',
        scheduled: 'draft',
        running: 'campaign-status',
        paused: 'campaign-status',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'launch',
      launch(),
      {
        none: 'campaign-not-found',
        draft: 'running',
        scheduled: 'running',
        running: 'running',
        paused: 'paused',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'pause',
      pause,
      {
        none: 'campaign-not-found',
        draft: 'campaign-status',
        scheduled: 'campaign-status',
        running: 'paused',
        paused: 'paused',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'resume',
      resume(),
      {
        none: 'campaign-not-found',
        draft: 'campaign-status',
        scheduled: 'campaign-status',
        running: 'running',
        paused: 'running',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'cancel',
      cancel(),
      {
        none: 'campaign-not-found',
        draft: 'cancelled',
        scheduled: 'cancelled',
        running: 'running',
        paused: 'running',
        completed: 'campaign-status',
        cancelled: 'cancelled',
      },
    ],
    [
      'release a batch',
      { type: 'ReleaseBatch', index: 1, by: anna, at: at(4) },
      {
        none: 'campaign-not-found',
        draft: 'campaign-status',
        scheduled: 'campaign-status',
        running: 'running',
        paused: 'campaign-status',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'change the rate',
      { type: 'ChangeRate', ratePerMinute: 7, at: at(4) },
      {
        none: 'campaign-not-found',
        draft: 'campaign-status',
        scheduled: 'campaign-status',
        running: 'running',
        paused: 'paused',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'exclude a device',
      { type: 'ExcludeTarget', deviceId: 'd1', by: anna, at: at(4) },
      {
        none: 'campaign-not-found',
        draft: 'campaign-status',
        scheduled: 'campaign-status',
        running: 'running',
        paused: 'paused',
        completed: 'campaign-status',
        cancelled: 'campaign-status',
      },
    ],
    [
      'complete',
      complete,
      {
        none: 'none',
        draft: 'draft',
        scheduled: 'scheduled',
        running: 'completed',
        paused: 'completed',
        completed: 'completed',
        cancelled: 'cancelled',
      },
    ],
  ];

  const cases = all.flatMap(([what, command, outcomes]) =>
    Object.entries(outcomes).map(([status, outcome]) => [what, status, outcome, command] as const),
  );

  it.each(cases)('to %s when it is %s: %s', (_what, status, outcome, command) => {
    const before = (histories[status] ?? []).reduce(campaign.evolve, campaign.initial);
    const result = (state: Campaign): Campaign | string => {
      try {
        return campaign.decide(command, state).reduce(campaign.evolve, state);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const first = result(before);
    expect(typeof first === 'string' ? first : (first.status ?? 'none')).toBe(outcome);
    // Twice is once.
    if (typeof first !== 'string') expect(result(first)).toEqual(first);
  });

  it('a refusal says in which statuses it is possible', () => {
    expect(() => campaign.decide(pause, stateAfter(create()))).toThrow(
      'The campaign is draft; to pause it is possible in running.',
    );
    expect(() => campaign.decide(remove, stateAfter(create(), launch()))).toThrow(
      'The campaign is running; it can be deleted in draft, scheduled.',
    );
  });
});

describe('CreateCampaign', () => {
  it('records the definition', () => {
    decider
      .given([])
      .when(create())
      .then([
        { type: 'CampaignCreated', data: { ...stamp('draft', 1), by: anna, definition: definitionOf() } },
      ]);
  });

  it.each([{ startAt: at(1) }, { endAt: at(1) }])('refuses %j, which is past', (past) => {
    decider.given([]).when(create(past)).thenThrows('invalid-request');
    decider.given(draft).when(edit(past)).thenThrows('invalid-request');
  });

  it('does not bring a deleted one back', () => {
    decider.given(after(create(), remove)).when(create()).thenThrows('campaign-not-found');
  });
});

describe('EditCampaign', () => {
  it('raises the revision when something changes', () => {
    const definition = definitionOf({ name: 'colder' });
    const data = { ...stamp('draft', 2), name: 'colder', revision: 2, definition };
    decider
      .given(draft)
      .when(edit({ name: 'colder' }, { expectedRevision: 1 }))
      .then([{ type: 'CampaignEdited', data }]);
  });

  it('refuses what was made of another revision, unless it is so already', () => {
    const edited = after(create(), edit({ name: 'colder' }));
    decider
      .given(edited)
      .when(edit({ name: 'x' }, { expectedRevision: 1 }))
      .thenThrows('version-mismatch');
    decider
      .given(edited)
      .when(edit({ name: 'colder' }, { expectedRevision: 1 }))
      .then([]);
    decider
      .given(edited)
      .when(edit({ name: 'colder' }, { expectedRevision: 9 }))
      .thenThrows('version-mismatch');
    decider
      .given(edited)
      .when({ ...remove, expectedRevision: 1 })
      .thenThrows('version-mismatch');
  });

  it('moves the start of a scheduled one, and does not take it away', () => {
    const moved = stateAfter(create(), schedule, edit({ startAt: at(300) }));
    expect(moved).toMatchObject({ status: 'scheduled', startAt: at(300) });
    decider
      .given(scheduled)
      .when(edit({ startAt: null }))
      .thenThrows('invalid-request');
    decider
      .given(draft)
      .when(edit({ startAt: at(1) }))
      .thenThrows('invalid-request');
    // One that has passed meanwhile does not stand in the way of another change.
    const old = after(create({ startAt: at(100) }));
    expect(
      campaign.decide(edit({ name: 'x' }, { at: at(500) }), old.reduce(campaign.evolve, campaign.initial)),
    ).toHaveLength(1);
  });
});

describe('ScheduleCampaign', () => {
  it('takes the start of the definition where it names none', () => {
    const state = stateAfter(create({ startAt: at(100) }), { type: 'ScheduleCampaign', at: at(2) });
    expect(state).toMatchObject({ status: 'scheduled', startAt: at(100), definition: { startAt: at(100) } });
    decider
      .given(draft)
      .when({ type: 'ScheduleCampaign', at: at(2) })
      .thenThrows('invalid-request');
  });

  it('refuses a time that is past, or after the end', () => {
    decider
      .given(draft)
      .when({ type: 'ScheduleCampaign', startAt: at(2), at: at(2) })
      .thenThrows('invalid-request');
    decider
      .given(after(create({ endAt: at(50) })))
      .when(schedule)
      .thenThrows('invalid-request');
  });

  it('refuses a time from which its window does not open before its end', () => {
    const hour = (hours: number) => at(hours * 3_600).slice(11, 16);
    const window = { timeZone: 'UTC', from: hour(1), to: hour(2), days: null };
    const draftUntil = (endAt: string) => after(create({ window, endAt }));
    expect(stateAfter(create({ window, endAt: at(3_700) }), schedule)).toMatchObject({ status: 'scheduled' });
    decider
      .given(draftUntil(at(3_500)))
      .when(schedule)
      .thenThrows('invalid-request');
  });
});

describe('LaunchCampaign', () => {
  it('freezes the definition and gives it an end', () => {
    const data = { ...stamp('running', 2), launchId: 'l1', by: anna, expectedCount: null, endAt: END_AT };
    decider
      .given(draft)
      .when(launch())
      .then([{ type: 'CampaignLaunched', data }]);
    expect(stateAfter(create({ endAt: at(500) }), launch()).launch?.endAt).toBe(at(500));
  });

  it('refuses an end that is past by now', () => {
    decider
      .given(after(create({ endAt: at(50) })))
      .when(launch({ at: at(60) }))
      .thenThrows('invalid-request');
  });

  it('by the clock does nothing when the time was moved or taken back', () => {
    decider
      .given(draft)
      .when(launch({ scheduledFor: at(100) }))
      .then([]);
    decider
      .given(scheduled)
      .when(launch({ scheduledFor: at(99) }))
      .then([]);
    decider
      .given(completed)
      .when(launch({ scheduledFor: at(100) }))
      .then([]);
    expect(stateAfter(create(), schedule, launch({ scheduledFor: at(100) })).status).toBe('running');
  });
});

describe('ResolveTargets', () => {
  it('makes the first batch wait', () => {
    const state = stateAfter(
      create({ batches: [batchOf({ share: { count: 1 }, gate }), batchOf()] }),
      launch(),
      resolve(1, 9),
    );
    expect(state).toMatchObject({
      total: 10,
      jobId: 'job',
      supervisionId: 'supervision',
      launch: { resolved: true },
      batches: [
        { index: 1, size: 1, jobId: 'j1', status: 'waiting', gate },
        { index: 2, size: 9, jobId: 'j2', status: 'planned', gate: null },
      ],
    });
  });

  it('does nothing for another launch, or twice', () => {
    const other = { ...resolve(2), launchId: 'l0' } as CampaignCommand;
    decider.given(after(create(), launch())).when(other).then([]);
    decider.given(running).when(resolve(2)).then([]);
    decider.given(draft).when(resolve(2)).then([]);
  });
});

describe('the state of a campaign whose devices are known', () => {
  it('has no lists of devices any more, which every event would write once more', () => {
    const named = batchOf({ share: { deviceIds: ['d1'] } });
    const before = stateAfter(create({ batches: [named, batchOf()] }), launch());
    expect(before.definition).toMatchObject({ target: { deviceIds: ['d1', 'd2'] } });
    const { definition } = stateAfter(create({ batches: [named, batchOf()] }), launch(), resolve(1, 1));
    expect(definition).toMatchObject({
      target: { deviceIds: [] },
      batches: [{ share: { deviceIds: [] } }, { share: { percent: 100 } }],
      configurations: { a: 1 },
    });
  });

  it('keeps lists of a launch that failed: it is edited and launched again', () => {
    const failed: CampaignCommand = {
      type: 'FailLaunch',
      launchId: 'l1',
      code: 'invalid-request',
      detail: 'x',
      at: at(3),
    };
    expect(stateAfter(create(), launch(), failed).definition).toMatchObject({
      target: { deviceIds: ['d1', 'd2'] },
    });
  });
});

describe('FailLaunch', () => {
  const fail: CampaignCommand = {
    type: 'FailLaunch',
    launchId: 'l1',
    code: 'internal',
    detail: 'x',
    at: at(3),
  };

  it('makes it a draft again that can be launched anew', () => {
    const state = stateAfter(create(), launch(), fail);
    expect(state).toMatchObject({
      status: 'draft',
      launch: null,
      launchError: { code: 'internal', detail: 'x', at: at(3) },
    });
    const again = campaign.decide(launch({ launchId: 'l2' }), state).reduce(campaign.evolve, state);
    expect(again).toMatchObject({ status: 'running', launchError: null, launch: { launchId: 'l2' } });
  });

  it('forgets what was said of that launch: who was taken out, and its pace', () => {
    const meanwhile: readonly CampaignCommand[] = [
      { type: 'ExcludeTarget', deviceId: 'd1', by: anna, at: at(3) },
      { type: 'ChangeRate', ratePerMinute: 7, maxInFlight: 2, at: at(3) },
    ];
    const state = stateAfter(create(), launch(), ...meanwhile, fail);
    const { excluded, rate, definition } = stateAfter(create());
    expect(state).toMatchObject({ excluded, rate, definition });
    expect(state.launchError?.detail).toBe('x Excluded meanwhile, and in its target again: 1 device.');
  });

  it('does so to a scheduled one whose time has come', () => {
    const due: CampaignCommand = {
      type: 'FailLaunch',
      scheduledFor: at(100),
      code: 'internal',
      detail: 'x',
      at: at(101),
    };
    expect(campaign.decide(due, stateAfter(create(), schedule))).toMatchObject([
      { type: 'CampaignLaunchFailed', data: { status: 'draft', launchId: null } },
    ]);
    decider.given(draft).when(due).then([]);
  });

  it('lets one end that somebody has cancelled meanwhile', () => {
    const state = stateAfter(create(), launch(), cancel(), fail);
    expect(state).toMatchObject({ status: 'cancelled', endedAt: at(3) });
  });

  it('does nothing when the devices are known', () => {
    decider.given(running).when(fail).then([]);
  });
});

describe('batches', () => {
  const three = create({
    batches: [batchOf({ share: { count: 2 } }), batchOf({ release: 'manual' }), batchOf()],
  });
  const begun = [three, launch(), resolve(2, 2, 6)];
  const first = [...begun, released(1), dispatched(1), synchronised(1), passed(1)];
  const statuses = (...commands: readonly CampaignCommand[]) =>
    stateAfter(...commands).batches.map(({ status }) => status);

  it('go on one after the other', () => {
    expect(statuses(...begun)).toEqual(['waiting', 'planned', 'planned']);
    expect(statuses(...begun, released(1))).toEqual(['writing', 'planned', 'planned']);
    expect(statuses(...begun, released(1), dispatched(1))).toEqual(['syncing', 'planned', 'planned']);
    expect(statuses(...begun, released(1), synchronised(1))).toEqual(['observing', 'planned', 'planned']);
    expect(statuses(...first)).toEqual(['passed', 'waiting', 'planned']);
  });

  it('say how they stand after each event', () => {
    const data = { ...stamp('running', 6), index: 1, size: 2, jobId: 'j1' };
    decider
      .given(after(...begun, released(1)))
      .when(synchronised(1))
      .then([
        { type: 'BatchDispatched', data: { ...data, batchStatus: 'syncing' } },
        { type: 'BatchSynchronised', data: { ...data, batchStatus: 'observing' } },
      ]);
  });

  it('that are released by hand wait for an operator', () => {
    decider
      .given(after(...first))
      .when(released(2))
      .then([]);
    const byHand: CampaignCommand = { type: 'ReleaseBatch', index: 2, by: anna, at: at(9) };
    const data = { ...stamp('running', 9), index: 2, size: 2, jobId: 'j2', batchStatus: 'writing', by: anna };
    decider
      .given(after(...first))
      .when(byHand)
      .then([{ type: 'BatchReleased', data } as CampaignEvent]);
  });

  it('are not released before their turn, nor where there is none', () => {
    const release = (index: number): CampaignCommand => ({
      type: 'ReleaseBatch',
      index,
      by: anna,
      at: at(9),
    });
    decider
      .given(after(...begun))
      .when(release(3))
      .thenThrows('batch-not-waiting');
    decider
      .given(after(...begun))
      .when(release(4))
      .thenThrows('batch-not-found');
    decider
      .given(after(...begun))
      .when(release(1.5))
      .thenThrows('batch-not-found');
    // Released long ago: satisfied.
    decider
      .given(after(...first))
      .when(release(1))
      .then([]);
  });

  it('are not released while it is paused', () => {
    decider
      .given(after(...begun, pause))
      .when(released(1))
      .then([]);
  });

  it('that are empty pass in their turn, whatever their gate and release', () => {
    const empty = create({
      batches: [batchOf({ share: { count: 2 } }), batchOf({ gate, release: 'manual' })],
    });
    const state = stateAfter(
      empty,
      launch(),
      resolve(2, 0),
      released(1),
      synchronised(1),
      passed(1),
      passed(2),
    );
    expect(state.batches.map(({ status }) => status)).toEqual(['passed', 'passed']);
    decider
      .given(after(empty, launch(), resolve(2, 0)))
      .when(passed(2))
      .then([]);
  });
});

describe('a gate', () => {
  const gated = create({ batches: [batchOf({ share: { count: 50 }, gate }), batchOf()] });
  const writing = [gated, launch(), resolve(50, 100), released(1)];
  const observing = [...writing, synchronised(1)];
  const failed = [...observing, judged(1, 'fail')];
  const fact = { name: 'warmer', at: at(8) };
  const ofBatch = { index: 1, size: 50, jobId: 'j1' };

  it('that is passed lets the next batch wait', () => {
    decider
      .given(after(...observing))
      .when(judged(1, 'pass'))
      .then([
        {
          type: 'BatchGateEvaluated',
          data: { ...fact, ...ofBatch, status: 'running', batchStatus: 'observing', answer: 'pass', numbers },
        },
        {
          type: 'BatchPassed',
          data: { ...fact, ...ofBatch, status: 'running', batchStatus: 'passed', overridden: false },
        },
      ]);
    expect(stateAfter(...observing, judged(1, 'pass')).batches[1]?.status).toBe('waiting');
  });

  it('that fails holds the batch and pauses, with the numbers in words', () => {
    decider
      .given(after(...observing))
      .when(judged(1, 'fail'))
      .then([
        {
          type: 'BatchGateEvaluated',
          data: { ...fact, ...ofBatch, status: 'running', batchStatus: 'observing', answer: 'fail', numbers },
        },
        { type: 'BatchHeld', data: { ...fact, ...ofBatch, status: 'running', batchStatus: 'held' } },
        {
          type: 'CampaignPaused',
          data: {
            ...fact,
            status: 'paused',
            by: engine,
            reason: 'gate-failed',
            detail:
              'The gate of batch 1 was not passed: 50 of 50 devices have settled: 46 succeeded, 4 failed, 0 timed out; at least 90 % must succeed and at most 5 % may fail.',
          },
        } as CampaignEvent,
      ]);
  });

  it('may fail while the batch is still being written, but not pass', () => {
    const state = stateAfter(...writing, judged(1, 'fail'));
    expect(state).toMatchObject({ status: 'paused', pause: { reason: 'gate-failed' } });
    expect(state.batches[0]).toMatchObject({ status: 'held', heldFrom: 'writing' });
    decider
      .given(after(...writing))
      .when(judged(1, 'pass'))
      .then([]);
    decider
      .given(after(...writing))
      .when(judged(1, 'inconclusive'))
      .then([]);
  });

  it('is not gone round by PassBatch', () => {
    decider
      .given(after(...observing))
      .when(passed(1))
      .then([]);
  });

  it('that was not passed is judged again after a resume, from then on', () => {
    const state = stateAfter(...failed, resume());
    expect(state).toMatchObject({ status: 'running', pause: null });
    expect(state.batches[0]).toMatchObject({
      status: 'observing',
      observedSince: at(20),
      gateOverridden: false,
    });
    expect(stateAfter(...failed, resume(), judged(1, 'inconclusive')).pause?.reason).toBe(
      'gate-inconclusive',
    );
  });

  it('that an operator overrides is passed', () => {
    decider
      .given(after(...failed))
      .when(resume(true))
      .then([
        {
          type: 'CampaignResumed',
          data: { ...stamp('running', 20), by: anna, overrideGate: true },
        },
        {
          type: 'BatchPassed',
          data: { ...stamp('running', 20), ...ofBatch, batchStatus: 'passed', overridden: true },
        },
      ]);
  });

  it('that has not answered yet is passed by who pauses and overrides it', () => {
    const end = stateAfter(...observing, pause, resume(true));
    expect(end).toMatchObject({ status: 'running', pause: null });
    expect(end.batches.map(({ status }) => status)).toEqual(['passed', 'waiting']);
    expect(stateAfter(...observing, pause, resume()).batches[0]?.status).toBe('observing');
  });

  it('that is overridden in the middle of its batch lets the batch go on, and never counts again', () => {
    const overridden = [...writing, judged(1, 'fail'), resume(true)];
    expect(stateAfter(...overridden).batches[0]).toMatchObject({ status: 'writing', gateOverridden: true });
    decider
      .given(after(...overridden))
      .when(judged(1, 'fail'))
      .then([]);
    const end = stateAfter(...overridden, synchronised(1), passed(1));
    expect(end.batches.map(({ status }) => status)).toEqual(['passed', 'waiting']);
  });

  it('that fails in an operator’s pause becomes the reason of the pause', () => {
    expect(stateAfter(...observing, pause, judged(1, 'fail')).pause?.reason).toBe('gate-failed');
    expect(stateAfter(...observing, pause, judged(1, 'pass'))).toMatchObject({
      status: 'paused',
      pause: { reason: 'operator' },
    });
  });

  it('says nothing any more of a campaign that is to end', () => {
    decider
      .given(after(...observing, cancel()))
      .when(judged(1, 'fail'))
      .then([]);
  });
});

describe('HoldByThreshold', () => {
  const hold: CampaignCommand = { type: 'HoldByThreshold', detail: '9 of 50 failed.', at: at(8) };

  it('pauses, again and again until it is overridden', () => {
    const held = [create(), launch(), resolve(2), hold];
    expect(stateAfter(...held).pause).toMatchObject({
      reason: 'threshold',
      by: engine,
      detail: '9 of 50 failed.',
    });
    expect(stateAfter(...held, resume(), hold).status).toBe('paused');
    decider
      .given(after(...held, resume(true)))
      .when(hold)
      .then([]);
    decider.given(paused).when(hold).then([]);
  });
});

describe('CancelCampaign', () => {
  it('ends what was never launched at once', () => {
    decider
      .given(scheduled)
      .when(cancel())
      .then([
        { type: 'CampaignCancelRequested', data: { ...stamp('scheduled', 30), by: anna, mode: 'soft' } },
        { type: 'CampaignCancelled', data: { ...stamp('cancelled', 30), targets: {} } },
      ]);
  });

  it('lets a launched one end by itself, out of its pause', () => {
    expect(stateAfter(create(), launch(), resolve(2), pause, cancel())).toMatchObject({
      status: 'running',
      pause: null,
      cancel: { mode: 'soft', by: anna },
    });
    const end = stateAfter(create(), launch(), resolve(2), released(1), cancel(), finishCancel);
    expect(end).toMatchObject({ status: 'cancelled', endedAt: at(41), batches: [{ status: 'cancelled' }] });
  });

  it('becomes harder, but not softer', () => {
    const soft = after(create(), launch(), resolve(2), cancel('soft'));
    decider
      .given(soft)
      .when(cancel('force'))
      .then([
        { type: 'CampaignCancelRequested', data: { ...stamp('running', 30), by: anna, mode: 'force' } },
      ]);
    decider
      .given(after(create(), launch(), resolve(2), cancel('force')))
      .when(cancel('soft'))
      .then([]);
  });

  it('is not held up', () => {
    const ending = after(create(), launch(), resolve(2), cancel());
    decider.given(ending).when(pause).thenThrows('campaign-status');
    decider
      .given(ending)
      .when({ type: 'ReleaseBatch', index: 1, by: anna, at: at(31) })
      .thenThrows('campaign-status');
    decider.given(ending).when(released(1)).then([]);
    decider.given(ending).when(complete).then([]);
  });

  it('is finished only when somebody wanted it', () => {
    decider.given(running).when(finishCancel).then([]);
  });
});

describe('CompleteCampaign', () => {
  it('skips batches that were never released', () => {
    const two = create({ batches: [batchOf({ share: { count: 1 } }), batchOf()] });
    const state = stateAfter(two, launch(), resolve(1, 1), released(1), complete);
    expect(state).toMatchObject({ status: 'completed', outcome: 'succeeded', endedAt: at(40) });
    expect(state.batches.map(({ status }) => status)).toEqual(['cancelled', 'skipped']);
  });

  it('waits until the devices are known', () => {
    decider.given(after(create(), launch())).when(complete).then([]);
  });
});

describe('SettleCampaign', () => {
  const open = completeAs('unsettled');
  const completed = after(create(), launch(), resolve(2), released(1), synchronised(1), passed(1), open);

  it('says how a campaign has ended that was completed before its devices had answered', () => {
    const data = { name: 'warmer', status: 'completed' as const, at: at(45) };
    decider
      .given(completed)
      .when(settle)
      .then([
        { type: 'CampaignSettled', data: { ...data, outcome: 'succeeded', targets: { succeeded: 2 } } },
      ]);
    expect(completed.reduce(campaign.evolve, initial)).toMatchObject({
      ...{ status: 'completed', outcome: 'unsettled', endedAt: at(40) },
    });
  });

  it('changes no outcome that is known, and none of a campaign that is running', () => {
    const failed = completeAs('completed_with_failures');
    decider
      .given(after(create(), launch(), resolve(2), released(1), synchronised(1), passed(1), failed))
      .when(settle)
      .then([]);
    decider.given(running).when(settle).then([]);
  });
});

describe('EndWait', () => {
  const open = completeAs('unsettled');
  const completed = after(create(), launch(), resolve(2), released(1), synchronised(1), passed(1), open);

  it('says who waits no longer for the devices of a completed campaign, and why', () => {
    const data = { name: 'warmer', status: 'completed' as const, at: at(44), by: anna, reason: 'sold' };
    decider
      .given(completed)
      .when(endWait)
      .then([{ type: 'CampaignWaitEnded', data }]);
    const failed = completeAs('completed_with_failures');
    decider
      .given(after(create(), launch(), resolve(2), released(1), synchronised(1), passed(1), failed))
      .when(endWait)
      .then([{ type: 'CampaignWaitEnded', data }]);
  });

  it('does nothing where nobody is waited for', () => {
    decider
      .given(after(create(), launch(), resolve(2), released(1), synchronised(1), passed(1), complete))
      .when(endWait)
      .then([]);
  });

  it('is for a completed campaign alone', () => {
    decider.given(running).when(endWait).thenThrows('campaign-status');
    decider.given(after(create())).when(endWait).thenThrows('campaign-status');
  });
});

describe('a release while devices are being found', () => {
  it('says that the batch is not waiting yet, and of another that there is none', () => {
    const finding = after(create(), launch());
    const release = (index: number): CampaignCommand => ({
      type: 'ReleaseBatch',
      index,
      by: anna,
      at: at(9),
    });
    decider.given(finding).when(release(1)).thenThrows('batch-not-waiting');
    decider.given(finding).when(release(2)).thenThrows('batch-not-found');
  });
});

describe('ChangeRate and ExcludeTarget', () => {
  it('keeps what is not named, and takes a limit away', () => {
    const limited: CampaignCommand = { type: 'ChangeRate', maxInFlight: 5, at: at(9) };
    expect(stateAfter(create(), launch(), limited).rate).toEqual({ ratePerMinute: 1_000, maxInFlight: 5 });
    const free: CampaignCommand = { type: 'ChangeRate', maxInFlight: null, ratePerMinute: 9, at: at(10) };
    expect(stateAfter(create(), launch(), limited, free).rate).toEqual({
      ratePerMinute: 9,
      maxInFlight: null,
    });
    decider
      .given(running)
      .when({ type: 'ChangeRate', at: at(9) })
      .then([]);
  });

  it('excludes so many and no more', () => {
    const state = {
      ...stateAfter(create(), launch(), resolve(2)),
      excluded: Array.from({ length: MAX_EXCLUDED }, (_, place) => `d${place}`),
    };
    const exclude = (deviceId: string): CampaignCommand => ({
      type: 'ExcludeTarget',
      deviceId,
      by: anna,
      at: at(9),
    });
    expect(campaign.decide(exclude('d1'), state)).toEqual([]);
    expect(() => campaign.decide(exclude('other'), state)).toThrow(/deviceId must be one of at most 1000/);
  });
});
