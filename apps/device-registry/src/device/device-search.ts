import { AppError } from '@muster/contracts';
import type { DEVICE_SORTS, DeviceView } from '@muster/contracts/device-registry/devices.requests';
import { MAX_MISSING_DEVICES, type TargetDevice } from '@muster/contracts/device-registry/targets.requests';
import type { Database, Queryable } from '@muster/event-store';
import type pg from 'pg';
import { areCommon } from './common-devices.js';
import { FILTER_JOINS, type DeviceCondition } from './device-filter.js';
import { SELECT_DEVICES, viewOf, type DeviceRow } from './device-list.projection.js';
import { WaitingLine } from './waiting-line.js';

export type DeviceSort = (typeof DEVICE_SORTS)[number];

/** Which devices, and from where on. */
export interface DevicePage {
  readonly tenantId: string;
  /** Undefined: all. */
  readonly which: DeviceCondition | undefined;
  /** Where the page before ended. */
  readonly after: readonly string[] | undefined;
  readonly limit: number;
}

interface TargetRow {
  id: string;
  name: string;
  device_type: string;
  app_version: string;
  interface: TargetDevice['interface'];
  last_seen_at: Date | null;
}

const ORDERS: Readonly<
  Record<DeviceSort, { readonly column: string; readonly type: string; readonly direction: 'ASC' | 'DESC' }>
> = {
  name: { column: 'd.name', type: 'text', direction: 'ASC' },
  '-name': { column: 'd.name', type: 'text', direction: 'DESC' },
  createdAt: { column: 'd.created_at', type: 'timestamptz', direction: 'ASC' },
  '-createdAt': { column: 'd.created_at', type: 'timestamptz', direction: 'DESC' },
};

/** Where a page ended: the sort column's value and the id, which decides between equal ones. */
export const positionOf = (sort: DeviceSort, view: DeviceView): readonly [string, string] => [
  sort.endsWith('name') ? view.name : view.createdAt,
  view.id,
];

/** What a statement may take that PostgreSQL planned on the belief that matching devices are everywhere. */
const HOPE_MS = 300;
const FILTER_TIMEOUT_MS = 4_000;

/**
 * Devices by a condition of the caller's. Of the service's connections, half may be used by statements that are broken off
 * soon, and a quarter by those that may take long: a caller with many slow filters would otherwise take all, and nobody
 * could provision a device or look a token up. Without a condition nothing waits.
 */
export class DeviceSearch {
  private readonly short: WaitingLine;
  private readonly long: WaitingLine;

  constructor(private readonly database: Database) {
    const connections = database.pool.options.max;
    this.short = new WaitingLine(connections / 2);
    this.long = new WaitingLine(connections / 4);
  }

  /**
   * A page in the order of `sort`. Throws `filter-too-slow`.
   *
   * PostgreSQL guesses how many devices match several conditions as if these had nothing to do with each other. Where it
   * expects many and there are few, it walks all devices in the order of the page: 6 s of a million devices, in which a
   * scan takes 0.4 s. So a walk that finds no page soon is broken off, and the matching devices are gathered first. Where it
   * can only guess and expects few, a sample is looked at before.
   */
  async list(sort: DeviceSort, page: DevicePage): Promise<DeviceView[]> {
    if (page.which === undefined) return walk(this.database, sort, page);
    const { isGuessed } = page.which;
    const found = await this.short.run(() =>
      withinTime(this.database, HOPE_MS, async (tx) => {
        const everywhere = { ...page, after: undefined };
        // Nothing is sorted then: the devices are read in the order of the page, until it is full, which takes less time than to
        // start processes that help.
        if (isGuessed && (await areCommon(tx, conditionsOf(sort, everywhere), page.limit)))
          await tx.query('SET LOCAL enable_sort = off; SET LOCAL max_parallel_workers_per_gather = 0');
        return walk(tx, sort, page);
      }),
    );
    return found ?? (await this.withinFilterTime((tx) => gather(tx, sort, page)));
  }

  /** Ids in ascending order. Throws `filter-too-slow`. */
  async select(page: DevicePage): Promise<string[]> {
    const { conditions, values, bind } = conditionsOf(undefined, page);
    const query = {
      text: `SELECT d.id FROM devices d ${FILTER_JOINS} WHERE ${conditions} ORDER BY d.id LIMIT ${bind(page.limit)}`,
      values,
    };
    const { rows } = await this.run<{ id: string }>(page, query);
    return rows.map(({ id }) => id);
  }

  /** What a list that is frozen keeps of them, in the order of their ids. Throws `filter-too-slow`. */
  async targets(page: DevicePage): Promise<TargetDevice[]> {
    const { conditions, values, bind } = conditionsOf(undefined, page);
    const query = {
      // The page first: the names are looked up for its devices alone.
      text: `SELECT d.id, d.name, t.name AS device_type, d.app_version, d.interface, d.last_seen_at
             FROM (SELECT d.tenant_id, d.id, d.name, d.device_type_id, d.app_version, d.interface, c.last_seen_at
                   FROM devices d ${FILTER_JOINS} WHERE ${conditions} ORDER BY d.id LIMIT ${bind(page.limit)}) d
             JOIN device_types t ON t.tenant_id = d.tenant_id AND t.id = d.device_type_id ORDER BY d.id`,
      values,
    };
    const { rows } = await this.run<TargetRow>(page, query);
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      deviceType: row.device_type,
      appVersion: row.app_version,
      interface: row.interface,
      lastSeenAt: row.last_seen_at?.toISOString() ?? null,
    }));
  }

  /** All of them, whatever the page. Throws `filter-too-slow`. */
  async count(page: DevicePage): Promise<number> {
    const { conditions, values } = conditionsOf(undefined, { ...page, after: undefined });
    const query = {
      text: `SELECT count(*) FROM devices d ${FILTER_JOINS} WHERE ${conditions}`,
      values,
    };
    const { rows } = await this.run<{ count: string }>(page, query);
    return Number(rows[0]?.count ?? 0);
  }

  /** All of them, whatever the page: name of a device type → how many are of it. Throws `filter-too-slow`. */
  async countByType(page: DevicePage): Promise<Record<string, number>> {
    const { conditions, values } = conditionsOf(undefined, { ...page, after: undefined });
    const query = {
      // Counted before the names are looked up: one row of a type and not of each device.
      text: `SELECT t.name, c.count FROM (
               SELECT d.device_type_id, count(*) FROM devices d ${FILTER_JOINS} WHERE ${conditions} GROUP BY 1
             ) c JOIN device_types t ON t.tenant_id = $1 AND t.id = c.device_type_id ORDER BY t.name`,
      values,
    };
    const { rows } = await this.run<{ name: string; count: string }>(page, query);
    return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]));
  }

  /** Of these ids the ones that no device has, ascending, at most `MAX_MISSING_DEVICES`. */
  async missing(tenantId: string, deviceIds: readonly string[]): Promise<string[]> {
    const { rows } = await this.database.query<{ id: string }>(
      `SELECT n.id FROM unnest($2::text[]) AS n (id)
       WHERE NOT EXISTS (SELECT FROM devices d WHERE d.tenant_id = $1 AND d.id = n.id) ORDER BY n.id LIMIT $3`,
      [tenantId, deviceIds, MAX_MISSING_DEVICES],
    );
    return rows.map(({ id }) => id);
  }

  private run<Row extends pg.QueryResultRow>(
    { which }: DevicePage,
    query: pg.QueryConfig,
  ): Promise<pg.QueryResult<Row>> {
    return which === undefined
      ? this.database.query<Row>(query)
      : this.withinFilterTime((tx) => tx.query<Row>(query));
  }

  /**
   * A query that takes too long is its filter's fault: asked again it would take as long again. So it is the caller's
   * error, and not `unavailable`, which callers retry.
   */
  async withinFilterTime<T>(query: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    const result = await this.long.run(() => withinTime(this.database, FILTER_TIMEOUT_MS, query));
    if (result !== undefined) return result;
    throw new AppError('filter-too-slow', TOO_SLOW, { errors: [{ path: 'filter', message: TOO_SLOW }] });
  }
}

const walk = async (from: Queryable, sort: DeviceSort, page: DevicePage): Promise<DeviceView[]> => {
  const { column, direction } = ORDERS[sort];
  const { conditions, values, bind } = conditionsOf(sort, page);
  const { rows } = await from.query<DeviceRow>({
    text: `${SELECT_DEVICES} WHERE ${conditions}
           ORDER BY ${column} ${direction}, d.id ${direction} LIMIT ${bind(page.limit)}`,
    values,
  });
  return rows.map(viewOf);
};

const gather = async (from: Queryable, sort: DeviceSort, page: DevicePage): Promise<DeviceView[]> => {
  const { column, direction } = ORDERS[sort];
  const { conditions, values, bind } = conditionsOf(sort, page);
  const { rows } = await from.query<DeviceRow>({
    // Without MATERIALIZED the planner would merge them and walk again.
    text: `WITH found AS MATERIALIZED (
             SELECT d.id, ${column} AS at FROM devices d ${FILTER_JOINS} WHERE ${conditions}
           ), page AS MATERIALIZED (
             SELECT id FROM found ORDER BY at ${direction}, id ${direction} LIMIT ${bind(page.limit)}
           )
           ${SELECT_DEVICES} WHERE d.tenant_id = $1 AND d.id IN (SELECT id FROM page)
           ORDER BY ${column} ${direction}, d.id ${direction}`,
    values,
  });
  return rows.map(viewOf);
};

/** The conditions of a page, with the tenant as `$1`. */
export const conditionsOf = (
  sort: DeviceSort | undefined,
  { tenantId, after, which }: DevicePage,
): { readonly conditions: string; readonly values: unknown[]; readonly bind: (value: unknown) => string } => {
  const values: unknown[] = [tenantId];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = ['d.tenant_id = $1'];
  if (after !== undefined && sort === undefined) conditions.push(`d.id > ${bind(after[0])}`);
  if (after !== undefined && sort !== undefined) {
    const { column, type, direction } = ORDERS[sort];
    const beyond = direction === 'ASC' ? '>' : '<';
    conditions.push(`(${column}, d.id) ${beyond} (${bind(after[0])}::${type}, ${bind(after[1])})`);
  }
  if (which !== undefined) conditions.push(which.sql(bind));
  return { conditions: conditions.join(' AND '), values, bind };
};

const TOO_SLOW =
  `The filter took longer than ${FILTER_TIMEOUT_MS / 1000} s. Narrow it with a comparison that an index answers: name, ` +
  'serialNumber, deviceType, folder, tags, syncState, a key of metadata, desired or reported, or a software == a value; !=, =out= and * at the beginning read every device.';

/** Undefined: it took longer. */
const withinTime = <T>(
  database: Database,
  milliseconds: number,
  query: (tx: pg.PoolClient) => Promise<T>,
): Promise<T | undefined> =>
  database
    .transaction(async (tx) => {
      // Compiling a statement takes longer than running it for one page.
      await tx.query(`SET LOCAL statement_timeout = ${milliseconds}; SET LOCAL jit = off`);
      try {
        return { result: await query(tx) };
      } catch (error) {
        throw (error as { code?: unknown }).code === QUERY_CANCELED ? new TookTooLong() : error;
      }
    })
    .then(
      ({ result }) => result,
      (error: unknown) => {
        if (error instanceof TookTooLong) return undefined;
        throw error;
      },
    );

const QUERY_CANCELED = '57014';
class TookTooLong extends Error {}
