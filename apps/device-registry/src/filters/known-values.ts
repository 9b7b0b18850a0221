import { AppError, type JsonValue } from '@muster/contracts';
import {
  MAX_KNOWN_KEYS,
  SAMPLED_DEVICES,
  type FilterValue,
} from '@muster/contracts/device-registry/filters.requests';
import type pg from 'pg';
import { DEVICE_FIELDS, FILTER_JOINS, type DeviceField } from '../device/device-filter.js';

/** Some more pages than would do: the last ones of a table are not full. */
const GENEROUS = 1.5;
/** Devices that are looked at of more than `SAMPLED_DEVICES`. */
const SAMPLE = 5_000;

/**
 * The devices that are looked at for what there is: all of a tenant that has few, otherwise those in a part of the table's pages
 * that is chosen by chance. So the cost has a bound, whatever the fleet, and what is rare in a large one may not be seen.
 */
interface Sample {
  /** Devices `d` of the tenant `$1`. */
  readonly devices: string;
  readonly complete: boolean;
}

export const sampleOf = async (tx: pg.PoolClient, tenantId: string): Promise<Sample> => {
  const { rows } = await tx.query<{ few: boolean; total: number }>({
    text: `SELECT (SELECT count(*) FROM (SELECT FROM devices WHERE tenant_id = $1 LIMIT $2::bigint + 1) AS first) <= $2 AS few,
             (SELECT reltuples FROM pg_class WHERE oid = 'devices'::regclass)::double precision AS total`,
    values: [tenantId, SAMPLED_DEVICES],
  });
  const { few = true, total = 0 } = rows[0] ?? {};
  if (few) return { devices: '(SELECT * FROM devices WHERE tenant_id = $1) d', complete: true };
  // Each device's rows by their keys: PostgreSQL would rather read the other tables from end to end.
  await tx.query('SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off');
  const percent = Math.min(100, (100 * GENEROUS * SAMPLE) / Math.max(total, SAMPLE));
  return {
    devices: `(SELECT * FROM devices TABLESAMPLE SYSTEM (${percent.toFixed(4)}) WHERE tenant_id = $1
               LIMIT ${SAMPLE}) d`,
    complete: false,
  };
};

/** The keys of a JSON field, the most frequent first. */
export const knownKeys = async (
  tx: pg.PoolClient,
  tenantId: string,
  { devices, complete }: Sample,
  field: DeviceField,
): Promise<{ keys: string[]; complete: boolean }> => {
  const { column } = DEVICE_FIELDS[field];
  const { rows } = await tx.query<{ key: string }>(
    `SELECT key FROM ${devices} ${FILTER_JOINS} CROSS JOIN LATERAL jsonb_object_keys(${column}) AS key
     GROUP BY key ORDER BY count(*) DESC, key COLLATE "C" LIMIT ${MAX_KNOWN_KEYS + 1}`,
    [tenantId],
  );
  const keys = rows.slice(0, MAX_KNOWN_KEYS).map(({ key }) => key);
  return { keys, complete: complete && rows.length === keys.length };
};

/** `complete`: all devices were looked at. The values of a field, the most frequent first. Throws `invalid-request` for fields that have as many values as devices. */
export const knownValues = async (
  tx: pg.PoolClient,
  tenantId: string,
  asked: {
    readonly field: string;
    readonly prefix: string;
    readonly skip: number;
    readonly limit: number;
  },
): Promise<{ readonly values: FilterValue[]; readonly complete: boolean }> => {
  const { field, key } = fieldOf(asked.field);
  const values: unknown[] = [tenantId];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const sample = await sampleOf(tx, tenantId);
  const { from, value, text } = sourceOf(field, key, sample.devices, bind);
  const begins = asked.prefix === '' ? 'TRUE' : `starts_with(${text}, ${bind(asked.prefix)})`;
  const { rows } = await tx.query<{ value: JsonValue; devices: string }>(
    `SELECT to_jsonb(value) AS value, count(*) AS devices FROM (SELECT ${value} AS value FROM ${from}) AS v
     WHERE value IS NOT NULL AND ${begins} GROUP BY value ORDER BY count(*) DESC, ${text} COLLATE "C" LIMIT ${bind(asked.limit)} OFFSET ${bind(asked.skip)}`,
    values,
  );
  return {
    values: rows.map((row) => ({ value: row.value, devices: Number(row.devices) })),
    complete: sample.complete,
  };
};

const fieldOf = (name: string): { field: DeviceField; key?: string } => {
  const dot = name.indexOf('.');
  const field = dot < 0 ? name : name.slice(0, dot);
  const key = dot < 0 ? undefined : name.slice(dot + 1);
  if (!isField(field)) throw refused(`must be a field of filters: ${Object.keys(DEVICE_FIELDS).join(', ')}`);
  const { kind } = DEVICE_FIELDS[field];
  if ((kind === 'json') !== (key !== undefined && key !== '')) {
    throw refused(kind === 'json' ? `must be ${field}.<key>` : `must be ${field}, which has no keys`);
  }
  if (kind === 'reference') throw refused('must not be a group: groups have a list of their own');
  if (field === 'id' || kind === 'time')
    throw refused('must not be an id or a time: each device has its own');
  return { field, ...(key === undefined ? {} : { key }) };
};

const isField = (name: string): name is DeviceField => Object.hasOwn(DEVICE_FIELDS, name);

/** What the values are read from; `text` is a `value` as it is compared with a prefix. */
const sourceOf = (
  field: DeviceField,
  key: string | undefined,
  devices: string,
  bind: (value: unknown) => string,
): { readonly from: string; readonly value: string; readonly text: string } => {
  const { column, kind } = DEVICE_FIELDS[field];
  const from = `${devices} ${FILTER_JOINS}`;
  if (field === 'deviceType') {
    const types = 'JOIN device_types t ON t.tenant_id = d.tenant_id AND t.id = d.device_type_id';
    return { from: `${from} ${types}`, value: 't.name', text: 'value' };
  }
  if (kind === 'list') {
    return { from: `${from} CROSS JOIN LATERAL unnest(${column}) AS one`, value: 'one', text: 'value' };
  }
  if (kind === 'json') {
    const member = `${column} -> ${bind(key)}::text`;
    // Lists and objects equal nothing.
    const value = `CASE WHEN jsonb_typeof(${member}) NOT IN ('object', 'array') THEN ${member} END`;
    return { from, value, text: `(value #>> '{}')` };
  }
  return { from, value: column, text: 'value::text' };
};

const refused = (message: string): AppError =>
  new AppError('invalid-request', `field ${message}`, { errors: [{ path: 'field', message }] });
