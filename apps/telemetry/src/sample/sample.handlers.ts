import { Controller, Inject } from '@nestjs/common';
import type { BulkOutcome } from '@muster/contracts';
import {
  getLatest,
  querySamples,
  storeSamples,
  type GetLatest,
  type LatestValues,
  type QuerySamples,
  type SamplePage,
  type StoreSamples,
} from '@muster/contracts/telemetry/requests';
import type { Database } from '@muster/event-store';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE } from '@muster/service-host';
import { SAMPLES_STORE } from '../providers.js';
import { readLatest } from './latest-values.js';
import { publishSamples } from './publish-samples.js';
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

  @Handles(querySamples)
  querySamples(request: QuerySamples): Promise<SamplePage> {
    return readSamples(this.database, request);
  }
}
