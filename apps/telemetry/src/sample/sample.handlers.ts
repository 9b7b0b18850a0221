import { Controller, Inject } from '@nestjs/common';
import type { BulkOutcome } from '@muster/contracts';
import { queryBuckets, type QueryBuckets } from '@muster/contracts/telemetry/buckets.requests';
import {
  forgetLatest,
  getLatest,
  querySamples,
  storeSamples,
  type ForgetLatest,
  type GetLatest,
  type LatestForgotten,
  type LatestValues,
  type QuerySamples,
  type SamplePage,
  type StoreSamples,
} from '@muster/contracts/telemetry/requests';
import { recordAct, type Database } from '@muster/event-store';
import { Handles, type Bus } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import { BUS, DATABASE, LOGGER } from '@muster/service-host';
import { BUCKET_LIMITS, SAMPLES_STORE } from '../providers.js';
import { forgetKeys, readLatest } from './latest-values.js';
import { publishSamples } from './publish-samples.js';
import { readBuckets, type BucketLimits } from './query-buckets.js';
import { readSamples } from './query-samples.js';
import type { samplesStore } from './store-samples.js';

const NOT_PUBLISHED = {
  code: 'unavailable',
  detail: 'Stored, but not published yet: send it again.',
} as const;

@Controller()
export class SampleHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(SAMPLES_STORE) private readonly store: ReturnType<typeof samplesStore>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(BUCKET_LIMITS) private readonly limits: BucketLimits,
  ) {}

  /** Stored and committed, then published, then answered: what is answered as done is on disk and on its way to others. */
  @Handles(storeSamples)
  async storeSamples({ messages }: StoreSamples): Promise<BulkOutcome> {
    const outcomes = await this.store(messages);
    const failed = await publishSamples(
      this.bus,
      outcomes.map((outcome) => outcome.stored),
    );
    return {
      outcomes: outcomes.map((outcome, index) => {
        if (failed.has(index)) return NOT_PUBLISHED;
        return outcome.refused ?? {};
      }),
    };
  }

  @Handles(getLatest)
  getLatest(request: GetLatest): Promise<LatestValues> {
    return readLatest(this.database, request);
  }

  /** There is no event of it, only who did it: latest values are no record, and what they were is in the history. */
  @Handles(forgetLatest)
  async forgetLatest(request: ForgetLatest): Promise<LatestForgotten> {
    const { tenantId, deviceId, actor, keys } = request;
    const removed = await this.database.transaction(async (tx) => {
      await recordAct(tx, {
        tenantId,
        aggregate: 'telemetry',
        id: deviceId,
        type: 'LatestValuesForgotten',
        actor,
      });
      return forgetKeys(tx, request);
    });
    const named = keys?.map((key) => key.slice(0, 100)) ?? 'all';
    this.logger.info({ tenantId, deviceId, actor, keys: named, removed }, 'latest values were removed');
    return { removed };
  }

  @Handles(queryBuckets)
  queryBuckets(request: QueryBuckets): Promise<SamplePage> {
    return readBuckets(this.database, request, this.limits);
  }

  @Handles(querySamples)
  querySamples(request: QuerySamples): Promise<SamplePage> {
    return readSamples(this.database, request);
  }
}
