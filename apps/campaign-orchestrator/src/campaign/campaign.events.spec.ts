import { describe, expect, it } from '@jest/globals';
import { publishedContracts } from '@muster/contracts/schema/every-contract';
import type { Recorded } from '@muster/event-store';
import { invalidFields } from '@muster/messaging';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { initial } from './campaign-state.js';
import type { CampaignEvent } from './campaign.events.js';
import { publishedOfCampaign, publishedOfPhase } from './campaign.published.js';
import { anna, at } from './campaigns.fixture.js';
import { evolve } from './evolve-campaign.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"CampaignCreated","data":{"name":"warmer","status":"draft","at":"2026-01-01T00:00:01.000Z","by":{"kind":"user","id":"anna"},"definition":{"name":"warmer","description":null,"target":{"campaignId":"c0","statuses":["failed"]},"configurations":{"a":1},"expectedStates":{},"expectedFrom":"any","batches":[{"share":{"count":50},"release":"auto","gate":{"minSuccessPercent":90,"maxFailurePercent":5,"minSettled":50,"soakSeconds":0,"maxWaitSeconds":null,"offline":"exclude"},"recentlySeenFirst":true},{"share":{"percent":20},"release":"manual","gate":null,"recentlySeenFirst":false},{"share":{"percent":100},"release":"auto","gate":null,"recentlySeenFirst":false}],"spacingSeconds":0,"startAt":null,"endAt":null,"window":{"timeZone":"Europe/Paris","from":"22:00","to":"05:00","days":["mon"]},"ratePerMinute":1000,"maxInFlight":null,"deadlineSeconds":86400,"retries":{"max":2,"firstAfterSeconds":60},"failureThreshold":{"maxFailurePercent":10,"minSettled":50},"waitForDevices":false,"onConflict":"reject","revertOf":null}}}
{"type":"CampaignEdited","data":{"name":"warmer","status":"draft","at":"2026-01-01T00:00:02.000Z","revision":2,"definition":{"name":"warmer","description":"x","target":{"filter":"deviceType==radiator"},"configurations":{"a":1},"expectedStates":{},"expectedFrom":"any","batches":[{"share":{"count":50},"release":"auto","gate":{"minSuccessPercent":90,"maxFailurePercent":5,"minSettled":50,"soakSeconds":0,"maxWaitSeconds":null,"offline":"exclude"},"recentlySeenFirst":true},{"share":{"percent":20},"release":"manual","gate":null,"recentlySeenFirst":false},{"share":{"percent":100},"release":"auto","gate":null,"recentlySeenFirst":false}],"spacingSeconds":0,"startAt":null,"endAt":null,"window":{"timeZone":"Europe/Paris","from":"22:00","to":"05:00","days":["mon"]},"ratePerMinute":1000,"maxInFlight":null,"deadlineSeconds":86400,"retries":{"max":2,"firstAfterSeconds":60},"failureThreshold":{"maxFailurePercent":10,"minSettled":50},"waitForDevices":false,"onConflict":"reject","revertOf":null}}}
{"type":"CampaignScheduled","data":{"name":"warmer","status":"scheduled","at":"2026-01-01T00:00:02.000Z","startAt":"2026-01-01T00:01:40.000Z"}}
{"type":"CampaignUnscheduled","data":{"name":"warmer","status":"draft","at":"2026-01-01T00:00:02.000Z"}}
{"type":"CampaignScheduled","data":{"name":"warmer","status":"scheduled","at":"2026-01-01T00:00:02.000Z","startAt":"2026-01-01T00:03:20.000Z"}}
{"type":"CampaignLaunchFailed","data":{"name":"warmer","status":"draft","at":"2026-01-01T00:00:02.000Z","launchId":null,"code":"invalid-request","detail":"x"}}
{"type":"CampaignLaunched","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:02.000Z","launchId":"l1","by":{"kind":"user","id":"anna"},"expectedCount":412,"endAt":"2026-01-31T00:00:00.000Z"}}
{"type":"CampaignTargetsResolved","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:03.000Z","launchId":"l1","total":412,"targets":{},"batches":[{"index":1,"size":50,"jobId":"j1"},{"index":2,"size":72,"jobId":"j2"},{"index":3,"size":290,"jobId":"j3"}],"jobId":"job","supervisionId":"supervision"}}
{"type":"BatchReleased","data":{"name":"warmer","status":"running","batchStatus":"writing","at":"2026-01-01T00:00:04.000Z","index":1,"size":50,"jobId":"j1","by":null}}
{"type":"BatchGateEvaluated","data":{"name":"warmer","status":"running","batchStatus":"writing","at":"2026-01-01T00:00:08.000Z","index":1,"size":50,"jobId":"j1","answer":"fail","numbers":{"size":50,"settled":50,"succeeded":46,"failed":4,"timedOut":0}}}
{"type":"BatchHeld","data":{"name":"warmer","status":"running","batchStatus":"held","at":"2026-01-01T00:00:08.000Z","index":1,"size":50,"jobId":"j1"}}
{"type":"CampaignPaused","data":{"name":"warmer","status":"paused","at":"2026-01-01T00:00:08.000Z","by":{"kind":"system","id":"campaign-orchestrator"},"reason":"gate-failed","detail":"The gate of batch 1 was not passed: of 50 devices 50 are settled: 46 succeeded, 4 failed, 0 timed out; at least 90 % must succeed and at most 5 % may fail."}}
{"type":"CampaignResumed","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:20.000Z","by":{"kind":"user","id":"anna"},"overrideGate":false}}
{"type":"BatchDispatched","data":{"name":"warmer","status":"running","batchStatus":"syncing","at":"2026-01-01T00:00:05.000Z","index":1,"size":50,"jobId":"j1"}}
{"type":"BatchSynchronised","data":{"name":"warmer","status":"running","batchStatus":"observing","at":"2026-01-01T00:00:06.000Z","index":1,"size":50,"jobId":"j1"}}
{"type":"BatchGateEvaluated","data":{"name":"warmer","status":"running","batchStatus":"observing","at":"2026-01-01T00:00:08.000Z","index":1,"size":50,"jobId":"j1","answer":"inconclusive","numbers":{"size":50,"settled":50,"succeeded":46,"failed":4,"timedOut":0}}}
{"type":"BatchHeld","data":{"name":"warmer","status":"running","batchStatus":"held","at":"2026-01-01T00:00:08.000Z","index":1,"size":50,"jobId":"j1"}}
{"type":"CampaignPaused","data":{"name":"warmer","status":"paused","at":"2026-01-01T00:00:08.000Z","by":{"kind":"system","id":"campaign-orchestrator"},"reason":"gate-inconclusive","detail":"The gate of batch 1 has no answer: of 50 devices 50 are settled: 46 succeeded, 4 failed, 0 timed out; at least 90 % must succeed and at most 5 % may fail."}}
{"type":"CampaignResumed","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:20.000Z","by":{"kind":"user","id":"anna"},"overrideGate":true}}
{"type":"BatchPassed","data":{"name":"warmer","status":"running","batchStatus":"passed","at":"2026-01-01T00:00:20.000Z","index":1,"size":50,"jobId":"j1","overridden":true}}
{"type":"BatchReleased","data":{"name":"warmer","status":"running","batchStatus":"writing","at":"2026-01-01T00:00:21.000Z","index":2,"size":72,"jobId":"j2","by":{"kind":"user","id":"anna"}}}
{"type":"CampaignPaused","data":{"name":"warmer","status":"paused","at":"2026-01-01T00:00:10.000Z","by":{"kind":"user","id":"anna"},"reason":"operator","detail":"An operator paused it."}}
{"type":"CampaignResumed","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:20.000Z","by":{"kind":"user","id":"anna"},"overrideGate":false}}
{"type":"RateChanged","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:22.000Z","ratePerMinute":5000,"maxInFlight":100}}
{"type":"TargetExcluded","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:23.000Z","deviceId":"d1","by":{"kind":"user","id":"anna"}}}
{"type":"CampaignCancelRequested","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:30.000Z","by":{"kind":"user","id":"anna"},"mode":"soft"}}
{"type":"CampaignCancelRequested","data":{"name":"warmer","status":"running","at":"2026-01-01T00:00:30.000Z","by":{"kind":"user","id":"anna"},"mode":"force"}}
{"type":"CampaignCancelled","data":{"name":"warmer","status":"cancelled","at":"2026-01-01T00:00:41.000Z","targets":{"cancelled":2}}}
{"type":"CampaignCompleted","data":{"name":"warmer","status":"completed","at":"2026-01-01T00:00:40.000Z","outcome":"succeeded","targets":{"succeeded":2}}}
{"type":"CampaignWaitEnded","data":{"name":"warmer","status":"completed","at":"2026-01-01T00:00:44.000Z","by":{"kind":"user","id":"anna"},"reason":"sold"}}
{"type":"CampaignSettled","data":{"name":"warmer","status":"completed","at":"2026-01-01T00:00:45.000Z","outcome":"succeeded","targets":{"succeeded":2}}}
{"type":"CampaignDeleted","data":{"name":"warmer","status":"draft","at":"2026-01-01T00:00:02.000Z"}}
`;

const newest: NewestVersions<CampaignEvent> = {
  BatchDispatched: 1,
  BatchGateEvaluated: 1,
  BatchHeld: 1,
  BatchPassed: 1,
  BatchReleased: 1,
  BatchSynchronised: 1,
  CampaignCancelRequested: 1,
  CampaignCancelled: 1,
  CampaignCompleted: 1,
  CampaignCreated: 1,
  CampaignDeleted: 1,
  CampaignEdited: 1,
  CampaignLaunchFailed: 1,
  CampaignLaunched: 1,
  CampaignPaused: 1,
  CampaignResumed: 1,
  CampaignScheduled: 1,
  CampaignSettled: 1,
  CampaignTargetsResolved: 1,
  CampaignUnscheduled: 1,
  CampaignWaitEnded: 1,
  RateChanged: 1,
  TargetExcluded: 1,
};

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as CampaignEvent);

const recorded = (of: CampaignEvent, version: number): Recorded & CampaignEvent => ({
  ...of,
  position: version,
  tenantId: 'default',
  aggregate: 'campaign',
  streamId: 'c1',
  stream: 'campaign-c1',
  version,
  schemaVersion: 1,
  metadata: { actor: anna },
  recordedAt: at(1),
});

describe('stored events of a campaign', () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    const upToCancel = events.slice(0, events.findIndex(({ type }) => type === 'CampaignCancelled') + 1);
    expect(upToCancel.reduce(evolve, initial)).toMatchObject({
      status: 'cancelled',
      revision: 2,
      definition: { target: { filter: 'deviceType==radiator' }, description: 'x', startAt: at(200) },
      launch: { launchId: 'l1', expectedCount: 412, resolved: true },
      ...{ jobId: 'job', supervisionId: 'supervision', total: 412 },
      batches: [
        { size: 50, status: 'passed', gateOverridden: true, verdict: { answer: 'inconclusive' } },
        { size: 72, status: 'cancelled', releasedBy: anna },
        { size: 290, status: 'cancelled', releasedAt: null },
      ],
      cancel: { mode: 'force' },
      rate: { ratePerMinute: 5_000, maxInFlight: 100 },
      excluded: ['d1'],
      endedAt: at(41),
    });
  });

  it('are told as their contracts say, each batch as an entity of its own', () => {
    const told = events.map((event, place) => recorded(event, place + 1)).flatMap(publishedOfCampaign);
    for (const { contract, data } of told) {
      expect(publishedContracts()).toContain(contract);
      expect(invalidFields(contract.data, data, 'refuse')).toEqual([]);
    }
    expect(told.find(({ contract }) => contract.entity === 'campaign')?.data).toMatchObject({
      campaignId: 'c1',
      version: 1,
      change: 'created',
      status: 'draft',
      name: 'warmer',
      actor: anna,
      revision: 1,
    });
    const batches = told.filter(({ contract }) => contract.entity === 'campaign-batch');
    expect(batches.slice(0, 4)).toMatchObject([
      { entityId: 'c1-1', data: { index: 1, batchStatus: 'waiting', size: 50 } },
      { entityId: 'c1-2', data: { index: 2, batchStatus: 'planned', size: 72 } },
      { entityId: 'c1-3', data: { index: 3, batchStatus: 'planned', size: 290 } },
      { entityId: 'c1-1', data: { batchStatus: 'writing', status: 'running' } },
    ]);
    expect(batches[4]?.data).toMatchObject({ verdict: { answer: 'fail', numbers: { failed: 4 } } });
  });

  it('and phases as theirs', () => {
    const phase = {
      ...recorded(events[0] as CampaignEvent, 3),
      type: 'CampaignPhaseChanged' as const,
      data: { at: at(2), since: at(1), phase: null, nextAt: null, detail: null },
    };
    const [told] = publishedOfPhase(phase);
    expect(told?.data).toEqual({
      campaignId: 'c1',
      version: 3,
      at: at(2),
      since: at(1),
      phase: null,
      nextAt: null,
    });
    expect(told && invalidFields(told.contract.data, told.data, 'refuse')).toEqual([]);
  });
});
