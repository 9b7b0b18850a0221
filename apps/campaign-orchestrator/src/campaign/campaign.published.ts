import {
  campaignBatchChanged,
  campaignChanged,
  campaignPhaseChanged,
  type CampaignChange,
} from '@muster/contracts/campaign-orchestrator/published';
import type { BatchStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { PhaseAnnounced } from './campaign-phases.js';
import type { CampaignEvent } from './campaign.events.js';

/** What others are told of a stored event. */
export const publishedOfCampaign = (event: RecordedEvent<CampaignEvent>): readonly Published[] => {
  const { streamId: campaignId, version, metadata } = event;
  const { at, name, status } = event.data;
  const fact = { campaignId, version, at, name, status, actor: metadata.actor };
  const told = (change: CampaignChange, more: object = {}): readonly Published[] => [
    { contract: campaignChanged, entityId: campaignId, data: { ...fact, change, ...more } },
  ];
  // Each batch is an entity of its own: of one event about many, readers skip none as seen already.
  const ofBatch = (batch: BatchStanding, more: object = {}): Published => {
    const { index, size, jobId, batchStatus } = batch;
    const data = { ...fact, index, batchStatus, size, jobId, ...more };
    return { contract: campaignBatchChanged, entityId: `${campaignId}-${index}`, data };
  };
  switch (event.type) {
    case 'CampaignCreated':
      return told('created', { revision: 1 });
    case 'CampaignEdited':
      return told('edited', { revision: event.data.revision });
    case 'CampaignScheduled':
      return told('scheduled', { startAt: event.data.startAt });
    case 'CampaignUnscheduled':
      return told('unscheduled');
    case 'CampaignDeleted':
      return told('deleted');
    case 'CampaignLaunched':
      return told('launched', { endAt: event.data.endAt });
    case 'CampaignTargetsResolved': {
      const { total, jobId, supervisionId, targets, batches } = event.data;
      return [
        ...told('targets-resolved', { total, jobId, supervisionId, targets }),
        ...batches.map((batch) =>
          ofBatch({ ...batch, batchStatus: batch.index === 1 ? 'waiting' : 'planned' }),
        ),
      ];
    }
    case 'CampaignLaunchFailed': {
      const { code, detail } = event.data;
      return told('launch-failed', { launchError: { code, detail, at } });
    }
    case 'CampaignPaused': {
      const { by, reason, detail } = event.data;
      return told('paused', { pause: { at, by, reason, detail } });
    }
    case 'CampaignResumed':
      return told('resumed');
    case 'CampaignCancelRequested': {
      const { by, mode } = event.data;
      return told('cancel-requested', { cancel: { at, by, mode } });
    }
    case 'CampaignCancelled':
      return told('cancelled', { targets: event.data.targets });
    case 'TargetExcluded':
      return told('target-excluded', { deviceId: event.data.deviceId });
    case 'RateChanged': {
      const { ratePerMinute, maxInFlight } = event.data;
      return told('rate-changed', { ratePerMinute, ...(maxInFlight === null ? {} : { maxInFlight }) });
    }
    case 'CampaignCompleted': {
      const { outcome, targets } = event.data;
      return told('completed', { outcome, targets });
    }
    case 'CampaignWaitEnded': {
      const { by, reason } = event.data;
      return told('wait-ended', { waitEnded: { at, by, ...(reason === null ? {} : { reason }) } });
    }
    case 'CampaignSettled': {
      const { outcome, targets } = event.data;
      return told('settled', { outcome, targets });
    }
    case 'BatchReleased': {
      const { by } = event.data;
      return [ofBatch(event.data, by === null ? {} : { releasedBy: by })];
    }
    case 'BatchGateEvaluated': {
      const { answer, numbers } = event.data;
      return [ofBatch(event.data, { verdict: { answer, at, numbers } })];
    }
    case 'BatchDispatched':
    case 'BatchSynchronised':
    case 'BatchPassed':
    case 'BatchHeld':
      return [ofBatch(event.data)];
  }
};

interface BatchStanding {
  readonly index: number;
  readonly size: number;
  readonly jobId: string;
  readonly batchStatus: BatchStatus;
}

/** Of an announcement. */
export const publishedOfPhase = (event: RecordedEvent<PhaseAnnounced>): readonly Published[] => {
  const { streamId: campaignId, version } = event;
  const { detail, ...data } = event.data;
  return [
    {
      contract: campaignPhaseChanged,
      entityId: campaignId,
      data: { campaignId, version, ...data, ...(detail === null ? {} : { detail }) },
    },
  ];
};
