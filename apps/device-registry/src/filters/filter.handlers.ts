import { Controller, Inject } from '@nestjs/common';
import { DEFAULT_PAGE } from '@muster/contracts';
import {
  listFilterFields,
  listFilterValues,
  summarizeFleet,
  type FilterField,
  type FilterFields,
  type FilterValues,
  type FleetSummary,
  type ListFilterFields,
  type ListFilterValues,
  type SummarizeFleet,
} from '@muster/contracts/device-registry/filters.requests';
import type { Database } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { deviceCondition } from '../device/device-filter.js';
import { DeviceSearch } from '../device/device-search.js';
import { SOURCES, StateProgress } from '../state/state-progress.js';
import { filterFields } from './filter-fields.js';
import { summarize } from './fleet-summary.js';
import { knownKeys, knownValues, sampleOf } from './known-values.js';

/** For whoever writes a filter: what there is to filter by, and what a filter means as a whole. */
@Controller()
export class FilterHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(DeviceSearch) private readonly search: DeviceSearch,
    @Inject(StateProgress) private readonly progress: StateProgress,
  ) {}

  @Handles(listFilterFields)
  async fields({ tenantId }: ListFilterFields): Promise<FilterFields> {
    const items = await this.search.withinFilterTime(async (tx) => {
      const sample = await sampleOf(tx, tenantId);
      const shown: FilterField[] = [];
      for (const { field, ...one } of filterFields()) {
        const keys = one.kind === 'json' ? await knownKeys(tx, tenantId, sample, field) : {};
        shown.push({ ...one, ...keys });
      }
      return shown;
    });
    return { items };
  }

  @Handles(listFilterValues)
  values({ tenantId, field, ...asked }: ListFilterValues): Promise<FilterValues> {
    // Null in an optional field passes the contract's rules and means the same as absent.
    const prefix = asked.prefix ?? '';
    const limit = asked.limit ?? DEFAULT_PAGE;
    return this.search.withinFilterTime((tx) => knownValues(tx, tenantId, { field, prefix, limit }));
  }

  @Handles(summarizeFleet)
  async summary({ tenantId, filter }: SummarizeFleet): Promise<FleetSummary> {
    const which =
      typeof filter === 'string' ? await deviceCondition(this.database, tenantId, filter) : undefined;
    const age = this.progress.ageOf(SOURCES);
    const summary = await this.search.withinFilterTime((tx) => summarize(tx, tenantId, which));
    return { ...summary, ...age };
  }
}
