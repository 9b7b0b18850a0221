import { int } from '@muster/observability';

/** The configuration of a process that consumes events; `NatsStrategy` takes it. */
export const consumerKeys = {
  eventRetrySeconds: int({
    env: 'MUSTER_EVENT_RETRY_SECONDS',
    doc: 'Longest pause before an event that failed by itself is tried again; after six tries it is parked',
    unit: 'seconds',
    min: 1,
    max: 3_600,
    default: 30,
  }),
  eventHoldSeconds: int({
    env: 'MUSTER_EVENT_HOLD_SECONDS',
    doc: 'Who has an event and is silent for so long loses it to another; its work may take 30 times that',
    unit: 'seconds',
    min: 2,
    max: 3_600,
    default: 10,
  }),
};

/** As `consumerKeys` gives it. */
export interface ConsumerPace {
  readonly eventRetrySeconds: number;
  readonly eventHoldSeconds: number;
}
