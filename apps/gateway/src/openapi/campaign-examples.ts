import { AT as CREATED_AT, FIRMWARE_ID, OPERATOR, type Example } from './example.js';

const LAUNCHED_AT = '2026-11-28T10:00:00.000Z';
const RELEASED_AT = '2026-11-28T10:00:04.312Z';
const END_AT = '2026-12-28T10:00:00.000Z';
const START_AT = '2026-12-01T22:00:00.000Z';

const CAMPAIGN_ID = '01936c40-2b3c-7d4e-8f5a-6b7c8d9e0f1a';
const JOB_ID = '01936c41-7a8b-7c9d-8e0f-1a2b3c4d5e6f';
const BATCH_JOB_ID = '01936c41-7a8c-7a1b-9c2d-3e4f5a6b7c8d';
const SUPERVISION_ID = '01936c41-7a8d-7b2c-8d3e-4f5a6b7c8d9e';

const configurations = {
  firmware_version: '1.1',
  firmware_url: 'https://your-asset-storage.com/fw/v1_1.bin',
  firmware_token: 'some_secret_token_value',
};
const gate = {
  maxFailurePercent: 5,
  minSettled: 50,
  minSettledPercent: 25,
  soakSeconds: 3_600,
  offline: 'exclude',
};
const target = { filter: 'deviceType==radiator;folder==/paris/*' };

const input = {
  name: 'Firmware 1.1',
  target,
  configurations,
  expectedStates: { firmware_version: '1.1' },
  batches: [
    { count: 50, gate, recentlySeenFirst: true },
    { percent: 20, release: 'manual' },
    { percent: 100 },
  ],
  spacingSeconds: 3_600,
};

const noTargets = {
  planned: 0,
  written: 0,
  dispatched: 0,
  acknowledged: 0,
  retry_wait: 0,
  succeeded: 0,
  failed: 0,
  timed_out: 0,
  skipped: 0,
  superseded: 0,
  cancelled: 0,
  removed: 0,
};
const noVerdicts = { pending: 0, valid: 0, invalid: 0, unknown: 0 };

const supervision = {
  id: SUPERVISION_ID,
  name: 'Quiet hours',
  version: 2,
  status: 'open',
  configurations: { mode: 'eco' },
  expectedStates: {},
  expectedFrom: 'any',
  total: 412,
  verdicts: { pending: 10, valid: 398, invalid: 1, unknown: 3 },
  judging: false,
  openedAt: LAUNCHED_AT,
  openedBy: OPERATOR,
};

/** As it is in the list. */
const summary = {
  id: CAMPAIGN_ID,
  name: input.name,
  status: 'draft',
  phase: null,
  phaseSince: null,
  nextAt: null,
  outcome: null,
  revision: 1,
  jobId: null,
  supervisionId: null,
  total: null,
  createdAt: CREATED_AT,
  createdBy: OPERATOR,
};

const defined = {
  target,
  configurations,
  expectedStates: input.expectedStates,
  expectedFrom: 'any',
  batches: [
    { index: 1, status: 'planned', size: null, count: 50, release: 'auto', gate, recentlySeenFirst: true },
    { index: 2, status: 'planned', size: null, percent: 20, release: 'manual' },
    { index: 3, status: 'planned', size: null, percent: 100, release: 'auto' },
  ],
  spacingSeconds: 3_600,
  ratePerMinute: 1_000,
  deadlineSeconds: 86_400,
  retries: { max: 2, firstAfterSeconds: 60 },
  waitForDevices: false,
  onConflict: 'reject',
};

const draft = { ...summary, ...defined };

const launched = {
  ...draft,
  status: 'running',
  phase: 'snapshotting',
  phaseDetail: 'It is found out which devices it means.',
  phaseSince: LAUNCHED_AT,
  endAt: END_AT,
  launchedAt: LAUNCHED_AT,
  launchedBy: OPERATOR,
};

const batch = (index: number, size: number, more: object = {}): object => ({
  ...defined.batches[index - 1],
  status: 'planned',
  size,
  jobId: BATCH_JOB_ID,
  ...more,
});

const standing = {
  ...launched,
  ...{ jobId: JOB_ID, supervisionId: SUPERVISION_ID, total: 412 },
  batches: [batch(1, 50, { status: 'writing', releasedAt: RELEASED_AT }), batch(2, 82), batch(3, 280)],
};

const running = {
  ...standing,
  phase: 'dispatching',
  phaseDetail: 'Batch 1: 12 of 50 devices are written.',
  phaseSince: RELEASED_AT,
};

const paused = {
  ...standing,
  status: 'paused',
  phase: null,
  phaseSince: null,
  phaseDetail: undefined,
  pause: { at: RELEASED_AT, by: OPERATOR, reason: 'operator', detail: 'An operator paused it.' },
};

const passed = batch(1, 50, {
  status: 'passed',
  releasedAt: RELEASED_AT,
  passedAt: '2026-11-28T11:04:10.008Z',
});

const derived = (name: string, more: object): object => ({
  ...draft,
  id: '01936c55-0a1b-7c2d-8e3f-4a5b6c7d8e9f',
  name: `${input.name} (${name})`,
  ...more,
});
const all = [{ index: 1, status: 'planned', size: null, percent: 100, release: 'auto' }];

export const CAMPAIGN_EXAMPLES: Readonly<Record<string, Example>> = {
  createCampaign: { request: input, response: draft },
  draftFromFirmware: {
    request: {
      firmwareIds: [FIRMWARE_ID],
      name: input.name,
      target,
      batches: input.batches,
      spacingSeconds: 3_600,
    },
    response: draft,
  },
  listCampaigns: {
    response: {
      items: [
        {
          ...summary,
          ...{ status: 'running', phase: 'awaiting_gate', phaseSince: RELEASED_AT },
          phaseDetail: 'The gate of batch 1 has no answer yet: 31 of 50 devices are settled.',
          ...{ jobId: JOB_ID, supervisionId: SUPERVISION_ID, total: 412, endAt: END_AT },
          ...{ launchedAt: LAUNCHED_AT, launchedBy: OPERATOR },
        },
      ],
      nextCursor: null,
    },
  },
  getCampaign: { response: running },
  editCampaign: {
    request: { spacingSeconds: 7_200 },
    response: { ...draft, revision: 2, spacingSeconds: 7_200 },
  },
  launchCampaign: { request: { expectedCount: 412 }, response: launched },
  scheduleCampaign: {
    request: { startAt: START_AT },
    response: { ...draft, status: 'scheduled', startAt: START_AT, nextAt: START_AT },
  },
  unscheduleCampaign: { response: { ...draft, startAt: START_AT } },
  pauseCampaign: { response: JSON.parse(JSON.stringify(paused)) },
  resumeCampaign: { request: { overrideGate: true }, response: running },
  settleCampaign: {
    request: { reason: 'The other lamps were sold.' },
    response: {
      ...standing,
      status: 'completed',
      phase: null,
      phaseSince: null,
      outcome: 'unsettled',
      endedAt: '2026-11-28T10:20:00.000Z',
      waitEnded: { at: '2026-11-28T12:20:00.000Z', by: OPERATOR, reason: 'The other lamps were sold.' },
    },
  },
  cancelCampaign: {
    request: { mode: 'soft' },
    response: {
      ...running,
      phase: 'cancelling',
      phaseDetail: 'It is being cancelled; 12 devices in flight may still finish.',
      cancel: { at: '2026-11-28T10:20:00.000Z', by: OPERATOR, mode: 'soft' },
    },
  },
  changeCampaignRate: { request: { ratePerMinute: 5_000 }, response: { ...running, ratePerMinute: 5_000 } },
  releaseBatch: {
    response: {
      ...running,
      phaseDetail: 'Batch 2: no device of 82 is written yet.',
      batches: [
        passed,
        batch(2, 82, { status: 'writing', releasedAt: '2026-11-28T12:00:00.000Z', releasedBy: OPERATOR }),
        batch(3, 280),
      ],
    },
  },
  retryCampaign: {
    request: { name: 'Firmware 1.1 (retry)' },
    response: derived('retry', {
      target: { campaignId: CAMPAIGN_ID, statuses: ['failed', 'timed_out'] },
      batches: all,
    }),
  },
  revertCampaign: {
    request: {},
    response: derived('revert', {
      ...{
        target: { campaignId: CAMPAIGN_ID },
        revertOf: CAMPAIGN_ID,
        configurations: {},
        expectedStates: {},
      },
      batches: all,
    }),
  },
  copyCampaign: { request: {}, response: derived('copy', {}) },
  previewCampaign: {
    response: {
      matched: 412,
      sample: [
        {
          id: '0198f2a1-7c11-7d20-8a44-3f2a51b0c001',
          name: 'radiator-0001',
          deviceType: 'radiator',
          folder: '/paris',
        },
      ],
      byDeviceType: { radiator: 412 },
      alreadyCompliant: 12,
      incompatible: 0,
      conflicts: [],
      batches: [
        { index: 1, size: 50, earliestAt: '2026-11-28T10:00:00.000Z' },
        { index: 2, size: 362, earliestAt: null },
      ],
    },
  },
  listTargets: {
    response: {
      items: [
        {
          deviceId: '0198f2a1-7c11-7d20-8a44-3f2a51b0c001',
          name: 'radiator-0001',
          deviceType: 'radiator',
          batch: 1,
          status: 'failed',
          attempts: 3,
          synchronised: true,
          writtenAt: '2026-11-28T10:00:05.000Z',
          dispatchedAt: '2026-11-28T10:03:20.000Z',
          finishedAt: '2026-11-28T10:03:24.000Z',
          reason: { code: 'status-503', origin: 'device', detail: 'Battery is low.' },
        },
      ],
      nextCursor: null,
    },
  },
  getCampaignStatistics: {
    response: {
      campaignId: CAMPAIGN_ID,
      targets: 412,
      byStatus: { ...noTargets, planned: 280, dispatched: 12, acknowledged: 3, succeeded: 113, failed: 4 },
      synchronised: 132,
      inFlight: 15,
      late: 0,
      adoption: { pending: 10, valid: 113, invalid: 4, unknown: 285 },
      failures: [{ status: 'failed', origin: 'device', code: 'status-503', count: 4 }],
      timeToApply: { p50Seconds: 3.981, p90Seconds: 12.589, p99Seconds: 31.623 },
      batches: [{ index: 1, byStatus: { ...noTargets, succeeded: 46, failed: 4 } }],
      points: [{ at: '2026-11-28T10:01:00.000Z', byStatus: { planned: 362, dispatched: 50 } }],
    },
  },
  listCampaignHistory: {
    response: {
      items: [
        {
          version: 9,
          at: '2026-11-28T10:20:00.000Z',
          what: 'resumed',
          by: OPERATOR,
          overridden: true,
        },
        {
          version: 8,
          at: '2026-11-28T10:05:00.000Z',
          what: 'paused',
          by: { kind: 'system', id: 'campaigns' },
          detail: 'The gate of batch 1 has failed: 4 of 50 have failed.',
        },
      ],
      nextCursor: null,
    },
  },
  excludeTarget: { response: running },
  openSupervision: {
    request: {
      name: 'Quiet hours',
      target: { filter: 'deviceType==radiator' },
      configurations: { mode: 'eco' },
    },
    response: { ...supervision, status: 'resolving', total: 0, verdicts: noVerdicts },
  },
  listSupervisions: { response: { items: [supervision], nextCursor: null } },
  getSupervision: { response: supervision },
  editSupervision: {
    request: { name: 'Quiet hours, winter' },
    response: { ...supervision, name: 'Quiet hours, winter', version: 3 },
  },
  getReportedValues: {
    response: {
      keys: [
        {
          key: 'mode',
          expected: 'eco',
          values: [
            { value: 'eco', devices: 404 },
            { value: 'comfort', devices: 5 },
          ],
          others: 0,
          none: 3,
          unknown: 0,
        },
      ],
    },
  },
  closeSupervision: {
    response: { ...supervision, status: 'closed', closedAt: '2026-12-24T10:00:00.000Z', closedBy: OPERATOR },
  },
  listSupervised: {
    response: {
      items: [
        {
          deviceId: '0198f2a1-7c11-7d20-8a44-3f2a51b0c001',
          name: 'radiator-0001',
          verdict: 'invalid',
          reasons: [
            {
              code: 'desired_changed',
              key: 'mode',
              expected: 'eco',
              actual: 'comfort',
              by: OPERATOR,
              at: '2026-11-29T18:12:00.000Z',
            },
          ],
          desired: false,
          delivered: 'sent',
          reported: false,
          knownBy: null,
          since: '2026-11-29T18:12:00.114Z',
        },
      ],
      nextCursor: null,
    },
  },
};
