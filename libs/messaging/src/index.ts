export { currentDeadline } from './deadline.js';
export { connectBus, type Bus, type BusOptions, type Publishing } from './bus.js';
export type { PublishedBatch, PublishedEvent } from './published-event.js';
export type { RequestOptions } from './request.js';
export type { StreamDeclaration } from './streams.js';
export {
  Consumes,
  Handles,
  isEvent,
  type ConsumesOptions,
  type Delivered,
  type ItemResult,
  type Results,
} from './handles.js';
export { consumerKeys, type ConsumerPace } from './consumer-keys.js';
export { NatsStrategy, type NatsStrategyOptions } from './nats-strategy.js';
export { invalidFields, withoutNulls } from './invalid-fields.js';
export { HEADER } from './headers.js';
export { idsIn } from './ids-in.js';
export {
  followEvents,
  followNotices,
  type Follower,
  type FollowOptions,
  type Notice,
  type NoticeOptions,
} from './follow.js';
export { subscribeLive, type LiveOptions, type LiveSubscription } from './live.js';
export { hearSignals, sendSignal } from './signals.js';
export { park, reasonOf, type Parked } from './park.js';
export { examineStream, type StreamExamination } from './examine-stream.js';
export { streamExtent, tailEvents, type StreamExtent, type Tailed, type TailOptions } from './tail.js';
export { failedReplay, type Replay } from './replay.js';
export { consumerProgress, lastSequence, type ConsumerProgress } from './progress.js';
export { pack, unpack } from './packed-payload.js';
export { moveParkedStream } from './parked-stream.js';
export {
  ensureOutsideConsumer,
  findOutsideConsumer,
  listOutsideConsumers,
  removeOutsideConsumer,
  type ConsumerReading,
  type OutsideConsumer,
  type OutsideConsumerState,
  type ReadingLimits,
  type StartAt,
} from './outside-consumers.js';
