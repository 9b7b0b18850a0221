import { eventStream, subjectToken, type FieldError, type PublishedContract } from '@muster/contracts';
import {
  campaignBatchChanged,
  campaignChanged,
  campaignPhaseChanged,
  type CampaignChanged,
} from '@muster/contracts/campaign-orchestrator/published';
import {
  supervisionChanged,
  supervisionVerdictsChanged,
} from '@muster/contracts/campaign-orchestrator/supervisions.published';
import { campaignTargetsChanged } from '@muster/contracts/campaign-orchestrator/targets.published';
import * as commandEvents from '@muster/contracts/commands/published';
import * as configurationEvents from '@muster/contracts/configuration/published';
import {
  deviceChanged,
  deviceConnected,
  deviceCredentialChanged,
  deviceDeleted,
  deviceDisconnected,
  deviceProvisioned,
  deviceStatusChanged,
  deviceTokenChanged,
} from '@muster/contracts/device-registry/published';
import { softwareApplied, softwareOffered, softwareRejected } from '@muster/contracts/firmware/published';
import { jobsChanged } from '@muster/contracts/jobs/published';
import type { Delivered } from '@muster/messaging';
import { refuse } from '../http/body.js';

export const MAX_TOPICS = 20;

export type Topic =
  | { readonly name: string; readonly kind: 'campaign' | 'supervision' | 'device'; readonly id: string }
  | { readonly name: string; readonly kind: 'jobs' | 'fleet' };

/** One topic's part of one service's events. */
export interface Source {
  readonly topic: string;
  /** Of JetStream. */
  readonly stream: string;
  readonly filter: string;
  readonly events: readonly PublishedContract<object>[];
  /** Where subjects cannot tell: whether an event is the topic's. */
  readonly isMeant?: (event: Delivered) => boolean;
}

/** `topics` of the query, each once. Throws `invalid-request`, naming the one that is wrong. */
export const topicsIn = (names: readonly string[]): readonly Topic[] => {
  const fault = (message: string): FieldError => ({ path: 'topics', message });
  const known = [...new Set(names)];
  if (known.length === 0) refuse([fault(`must name 1 to ${MAX_TOPICS} topics: ${KINDS}`)], 'The query');
  if (known.length > MAX_TOPICS) refuse([fault(`must name at most ${MAX_TOPICS} topics`)], 'The query');
  const read = known.map((name) => ({ name, topic: topicOf(name) }));
  const wrong = read.filter(({ topic }) => topic === undefined);
  refuse(
    // What is refused is told back, but not all of a long text.
    wrong.map(({ name }) =>
      fault(`must name only ${KINDS}: ${JSON.stringify(name.slice(0, 80))} is no topic`),
    ),
    'The query',
  );
  return read.flatMap(({ topic }) => topic ?? []);
};

const KINDS = 'campaign.<id>, supervision.<id>, device.<id>, jobs, fleet';

const topicOf = (name: string): Topic | undefined => {
  if (name === 'jobs' || name === 'fleet') return { name, kind: name };
  const [, kind, id] = /^(campaign|supervision|device)\.([A-Za-z0-9_-]{1,64})$/.exec(name) ?? [];
  if (id === undefined) return undefined;
  return { name, kind: kind as 'campaign' | 'supervision' | 'device', id }; // the pattern has no other
};

/** Where a topic's events of a tenant are. */
export const sourcesOf = (tenantId: string, topic: Topic): readonly Source[] => {
  const tenant = subjectToken(tenantId);
  /** The events of one service, by one filter, so that they keep their order. */
  const source = (
    events: readonly PublishedContract<object>[],
    [entity, verb, entityId]: readonly [string, string, string],
  ): Source => {
    const service = serviceOf(events);
    return {
      topic: topic.name,
      stream: eventStream(service).name,
      filter: `muster.v1.event.${service}.${tenant}.${entity}.${verb}.${entityId}`,
      events,
    };
  };
  switch (topic.kind) {
    case 'campaign':
      return [
        {
          // The entity id of a batch is its campaign's with a number behind, which no wildcard stands for.
          ...source(CAMPAIGN_EVENTS, ['*', 'changed', '*']),
          isMeant: ({ data }) => (data as CampaignChanged).campaignId === topic.id, // each of them has it
        },
      ];
    case 'supervision':
      return [source([supervisionChanged, supervisionVerdictsChanged], ['*', 'changed', topic.id])];
    case 'device':
      return DEVICE_EVENTS.map((events) => source(events, ['*', '*', topic.id]));
    case 'jobs':
      return jobsChanged.map((contract) => source([contract], ['job', 'changed', '*']));
    case 'fleet':
      return [source(FLEET_EVENTS, ['device', '*', '*'])];
  }
};

const serviceOf = ([first]: readonly PublishedContract<object>[]): string => {
  if (first === undefined) throw new Error('a source without events');
  return first.service;
};

const CAMPAIGN_EVENTS = [campaignChanged, campaignPhaseChanged, campaignBatchChanged, campaignTargetsChanged];

const FLEET_EVENTS = [deviceProvisioned, deviceDeleted, deviceConnected, deviceDisconnected];

/** By service. The entity id of each is the device's. */
const DEVICE_EVENTS: readonly (readonly PublishedContract<object>[])[] = [
  [...FLEET_EVENTS, deviceChanged, deviceTokenChanged, deviceCredentialChanged, deviceStatusChanged],
  [
    configurationEvents.desiredConfigurationChanged,
    configurationEvents.configurationReoffered,
    configurationEvents.configurationDispatched,
    configurationEvents.configurationApplied,
    configurationEvents.configurationRejected,
    configurationEvents.reportedStateChanged,
  ],
  [
    commandEvents.commandCreated,
    commandEvents.commandSent,
    commandEvents.commandExecuted,
    commandEvents.commandFailed,
    commandEvents.commandExpired,
    commandEvents.commandCancelled,
    commandEvents.commandAnsweredLate,
  ],
  [softwareOffered, softwareApplied, softwareRejected],
];
