import { Events1763600000001 } from '../migrations/0001-events.js';
import { Idempotency1763600000002 } from '../migrations/0002-idempotency.js';
import { Announcements1763600000003 } from '../migrations/0003-announcements.js';
import { RepliesWithoutSecrets1763600000004 } from '../migrations/0004-replies-without-secrets.js';
import { Acts1763600000005 } from '../migrations/0005-acts.js';
import { ActsAmongEvents1763600000006 } from '../migrations/0006-acts-among-events.js';
import { OrderWithinAStream1763600000007 } from '../migrations/0007-order-within-a-stream.js';
import { Bundles1763600000008 } from '../migrations/0008-bundles.js';
import type { MigrationClass } from './migrate-schema.js';

/** Give these to `migrateSchema` in front of the service's own. */
export const eventStoreMigrations: readonly MigrationClass[] = [
  Events1763600000001,
  Idempotency1763600000002,
  Announcements1763600000003,
  RepliesWithoutSecrets1763600000004,
  Acts1763600000005,
  ActsAmongEvents1763600000006,
  OrderWithinAStream1763600000007,
  Bundles1763600000008,
];

/** Of a service without events, whose acts are on record all the same. */
export const actsMigrations: readonly MigrationClass[] = [Acts1763600000005];

export {
  streamName,
  type Aggregate,
  type DomainEvent,
  type EventMetadata,
  type Recorded,
  type RecordedEvent,
  type StoredEvent,
} from './aggregate.js';
export { FEW } from './few.js';
export { allowStatements } from './statement-time.js';
export {
  MOST_ACTS_READ,
  readActs,
  recordAct,
  streamsWithActs,
  type Act,
  type ActPlace,
  type RecordedAct,
} from './acts.js';
export { withinJob } from './within-job.js';
export { type Announcement } from './announce.js';
export { openDatabase, type Database, type DatabaseOptions } from './database.js';
export { againOnConflict } from './concurrent-change.js';
export { asAppError, foreignKeyViolation, uniqueViolation } from './database-fault.js';
export {
  createEventStore,
  type EventStore,
  type Executed,
  type ExecuteRequest,
  type Within,
} from './event-store.js';
export { type BulkItem, type BulkOutcome } from './bulk-items.js';
export { forgetOld } from './forget.js';
export { idempotently } from './idempotently.js';
export { createIndexBesideWrites } from './index-beside-writes.js';
export { type Queryable } from './append.js';
export { type LoadedState, type StreamKey } from './load.js';
export { migrateSchema, type MigrationClass } from './migrate-schema.js';
export { rebuildProjections, type Projection } from './projection.js';
export { rebuildsOf, type Rebuild, type RebuildableService, type Rebuilds } from './rebuilds.js';
export { publishAgain } from './publish-again.js';
export { type ReadOptions } from './read-stream.js';
export { refoldStates, type Refolded } from './refold-states.js';
export { streamPage } from './stream-page.js';
export { told, translateBy, type Told } from './translate.js';
export type { UntoldEvent } from './hand-over-parked.js';
export { startRelay, type EventPublisher, type Published, type Relay, type RelayOptions } from './relay.js';
export { untilPublished } from './until-published.js';
