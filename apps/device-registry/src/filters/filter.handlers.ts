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
import { COUNT, DATABASE, decodeCursor, digestOf, pageBy, TEXT } from '@muster/service-host';
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
  async fields({ tenantId, cursor, count, ...asked }: ListFilterFields): Promise<FilterFields> {
    const all = filterFields();
    const limit = asked.limit ?? DEFAULT_PAGE;
    const [after] = decodeCursor('filter fields', cursor, [TEXT]) ?? [];
    const from = all.findIndex(({ name }) => name === after) + 1;
    const found = await this.search.withinFilterTime(async (tx) => {
      const sample = await sampleOf(tx, tenantId);
      const shown: FilterField[] = [];
      for (const { field, ...one } of all.slice(from, from + limit + 1)) {
        const keys = one.kind === 'json' ? await knownKeys(tx, tenantId, sample, field) : {};
        shown.push({ ...one, ...keys });
      }
      return shown;
    });
    return {
      ...pageBy('filter fields', found, limit, ({ name }) => [name]),
      ...(count === true ? { total: all.length } : {}),
    };
  }

  @Handles(listFilterValues)
  async values({ tenantId, field, cursor, ...asked }: ListFilterValues): Promise<FilterValues> {
    // Null in an optional field passes the contract's rules and means the same as absent.
    const prefix = asked.prefix ?? '';
    const limit = asked.limit ?? DEFAULT_PAGE;
    const list = `values of ${digestOf(`${field} ${prefix}`)}`;
    // By frequency, which changes: what a page ends with may be elsewhere a moment later, so a page begins by number.
    const skip = Number(decodeCursor(list, cursor, [COUNT])?.[0] ?? 0);
    const { values, complete } = await this.search.withinFilterTime((tx) =>
      knownValues(tx, tenantId, { field, prefix, skip, limit: limit + 1 }),
    );
    const page = pageBy(list, values, limit, (last) => [String(skip + values.indexOf(last) + 1)]);
    return { ...page, complete: complete && page.nextCursor === null };
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
