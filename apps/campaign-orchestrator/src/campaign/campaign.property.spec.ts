import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import fc from 'fast-check';
import type { CampaignCommand, EngineCommand } from './campaign-commands.js';
import { initial, type Campaign } from './campaign-state.js';
import { campaign } from './campaign.decider.js';
import type { CampaignEvent } from './campaign.events.js';
import {
  anna,
  at,
  batchOf,
  cancel,
  complete,
  completeAs,
  create,
  dispatched,
  endWait,
  finishCancel,
  gate,
  judged,
  launch,
  passed,
  pause,
  released,
  resume,
  settle,
  synchronised,
} from './campaigns.fixture.js';

const BATCHES = 3;
const index = fc.integer({ min: 1, max: BATCHES });

const resolved = (sizes: readonly number[]): CampaignCommand => ({
  type: 'ResolveTargets',
  launchId: 'l1',
  total: 9,
  targets: {},
  batches: sizes.map((size, place) => ({ size, jobId: `j${place}` })),
  jobId: 'job',
  supervisionId: 's',
  at: at(3),
});

const definition = fc
  .array(
    fc.record({
      gate: fc.constantFrom(null, gate),
      release: fc.constantFrom('auto' as const, 'manual' as const),
    }),
    { minLength: BATCHES, maxLength: BATCHES },
  )
  .map((batches) => create({ batches: batches.map(batchOf) }));

const command: fc.Arbitrary<CampaignCommand> = fc.oneof(
  definition,
  fc.constantFrom<CampaignCommand>(
    {
      type: 'EditCampaign',
      edited: (before) => ({ ...before, name: `${before.name.slice(0, 9)}!` }),
      at: at(2),
    },
    { type: 'ScheduleCampaign', startAt: at(100), at: at(2) },
    { type: 'UnscheduleCampaign', at: at(2) },
    launch(),
    launch({ scheduledFor: at(100) }),
    { type: 'FailLaunch', launchId: 'l1', code: 'internal', detail: 'x', at: at(3) },
    { type: 'FailLaunch', scheduledFor: at(100), code: 'internal', detail: 'x', at: at(3) },
    pause,
    resume(),
    resume(true),
    { type: 'ChangeRate', ratePerMinute: 5, at: at(9) },
    { type: 'ExcludeTarget', deviceId: 'd1', by: anna, at: at(9) },
    { type: 'HoldByThreshold', detail: 'x', at: at(9) },
  ),
  fc.array(fc.integer({ min: 0, max: 2 }), { minLength: BATCHES, maxLength: BATCHES }).map(resolved),
  index.map((nth): CampaignCommand => ({ type: 'ReleaseBatch', index: nth, by: anna, at: at(4) })),
  index.map(released),
  index.map(dispatched),
  index.map(synchronised),
  index.map(passed),
  fc
    .tuple(index, fc.constantFrom('pass' as const, 'fail' as const, 'inconclusive' as const))
    .map(([nth, answer]) => judged(nth, answer)),
);
/** Rare, or nothing would be left to be done. */
const ending = fc.constantFrom<CampaignCommand>(
  complete,
  completeAs('unsettled'),
  settle,
  endWait,
  finishCancel,
  cancel('soft'),
  cancel('force'),
);
const begun = fc.constantFrom<readonly CampaignCommand[]>([], [launch()], [launch(), resolved([2, 2, 0])]);
const further = fc.array(fc.oneof({ weight: 60, arbitrary: command }, { weight: 1, arbitrary: ending }), {
  maxLength: 50,
  size: 'max',
});
const history = fc.tuple(definition, begun, further).map(([first, some, rest]) => [first, ...some, ...rest]);

const OPERATORS: readonly CampaignCommand['type'][] = [
  'CreateCampaign',
  'EditCampaign',
  'ScheduleCampaign',
  'UnscheduleCampaign',
  'LaunchCampaign',
  'PauseCampaign',
  'ResumeCampaign',
  'CancelCampaign',
  'ReleaseBatch',
  'ExcludeTarget',
  'ChangeRate',
  'EndWait',
];

/** What comes of them; refusals of operators' commands are part of it. */
const play = (
  commands: readonly CampaignCommand[],
  reached: Set<string>,
): { state: Campaign; events: readonly CampaignEvent[] } => {
  const events: CampaignEvent[] = [];
  let state: Campaign = initial;
  for (const one of commands) {
    const decided = attempt(one, state);
    for (const event of decided) {
      state = campaign.evolve(state, event);
      expect(event.data.status).toBe(state.status);
    }
    reached.add(`${state.status} ${state.batches.map(({ status }) => status).join()}`);
    events.push(...decided);
    // Twice is once; but what makes something else of what there is, is another change.
    if (one.type !== 'EditCampaign' && attempt(one, state).length > 0)
      throw new Error(`${one.type} is not once when it comes twice`);
  }
  return { state, events };
};

const attempt = (one: CampaignCommand, state: Campaign): readonly CampaignEvent[] => {
  try {
    return campaign.decide(one, state);
  } catch (error) {
    if (!(error instanceof AppError) || !OPERATORS.includes(one.type)) throw error;
    return [];
  }
};

/** What the engine, and an operator who wants it to go on, can do from here to the end. */
const onwards = (state: Campaign): readonly CampaignCommand[] => {
  if (state.status === null) return [create()];
  if (state.status === 'draft' || state.status === 'scheduled') return [launch()];
  if (state.cancel !== null) return [finishCancel];
  if (state.launch?.resolved !== true) return [resolved((state.definition?.batches ?? []).map(() => 1))];
  if (state.status === 'paused') return [resume(true)];
  const open = state.batches.find(({ status }) => status !== 'passed');
  if (open === undefined) return [complete];
  const nth = open.index;
  const byEngine: readonly EngineCommand[] = [
    passed(nth),
    released(nth),
    synchronised(nth),
    judged(nth, 'pass'),
  ] as EngineCommand[]; // of the fixture
  return [...byEngine, { type: 'ReleaseBatch', index: nth, by: anna, at: at(50) }];
};

describe('a campaign, whatever is done to it', () => {
  it('can always go on until it has ended, and is made again from its events', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(history, (commands) => {
        const { state, events } = play(commands, reached);
        const folded = (JSON.parse(JSON.stringify(events)) as CampaignEvent[]).reduce(
          campaign.evolve,
          initial,
        );
        expect(folded).toEqual(state);
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
        assertOrder(state);
        let now = state;
        for (let steps = 0; now.status !== 'completed' && now.status !== 'cancelled'; steps += 1) {
          const before = now;
          now = moved(before);
          if (now === before || steps > 50) throw new Error(`stuck: ${JSON.stringify(before)}`);
        }
      }),
      { numRuns: 400 },
    );
    // Or the property would say nothing.
    for (const status of ['draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled'])
      expect([status, [...reached].some((one) => one.startsWith(status))]).toEqual([status, true]);
    for (const status of ['writing', 'syncing', 'observing', 'held', 'passed', 'skipped'])
      expect([status, [...reached].some((one) => one.includes(status))]).toEqual([status, true]);
  });
});

/** The first of what is possible. */
const moved = (state: Campaign): Campaign => {
  for (const one of onwards(state)) {
    const events = attempt(one, state);
    if (events.length > 0) return events.reduce(campaign.evolve, state);
  }
  return state;
};

/** Of a campaign that goes on, at most one batch is in hand: those before it are passed, and those after it planned. */
const assertOrder = ({ status, batches, pause: paused, cancel: cancelling }: Campaign): void => {
  if (status === 'paused') expect(paused).not.toBeNull();
  else expect(paused).toBeNull();
  if (status !== 'running' && status !== 'paused') return;
  const open = batches.findIndex((batch) => batch.status !== 'passed');
  if (open === -1) return;
  expect(batches[open]?.status).not.toBe('planned');
  for (const batch of batches.slice(open + 1)) expect(batch.status).toBe('planned');
  if (batches[open]?.status === 'held' && cancelling === null) expect(status).toBe('paused');
};
