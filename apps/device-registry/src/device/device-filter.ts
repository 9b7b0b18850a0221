import { AppError, INTERFACES } from '@muster/contracts';
import type { Database, Queryable } from '@muster/event-store';
import {
  mapConditions,
  matches,
  readFilter,
  toSql,
  type Bind,
  type Condition,
  type Field,
  type Fields,
  type Filter,
} from '@muster/filter';
import type pg from 'pg';

/** What devices can be filtered by; `d` is the device's row. The type's name is not in it: see `deviceCondition`. */
export const DEVICE_FIELDS = {
  id: { kind: 'text', column: 'd.id' },
  name: { kind: 'text', column: 'd.name' },
  deviceType: { kind: 'text', column: 'NULL' },
  appVersion: { kind: 'text', column: 'd.app_version' },
  interface: { kind: 'text', column: 'd.interface', values: INTERFACES },
  folder: { kind: 'path', column: 'd.folder' },
  tags: { kind: 'list', column: 'd.tags' },
  serialNumber: { kind: 'text', column: 'd.serial_number' },
  metadata: {
    kind: 'json',
    column: 'd.metadata',
    key: { rule: /^[a-zA-Z0-9_]{1,64}$/, expected: 'of letters, digits and _, at most 64' },
  },
  createdAt: { kind: 'time', column: 'd.created_at' },
} as const satisfies Fields;

const DEVICE_TYPE_ID: Field = { kind: 'text', column: 'd.device_type_id' };

/** Which devices a request means: a condition on `devices d`, its parameters given to `bind`. Throws `invalid-filter`. */
export type DeviceCondition = (bind: Bind) => string;

/**
 * Types are looked up before and compared by id: PostgreSQL knows how many devices have which `device_type_id`, but
 * cannot see through a join how many have a type of some name, and then walks the whole table for the first page of a rare one.
 */
export const deviceCondition = async (
  from: Queryable,
  tenantId: string,
  text: string,
): Promise<DeviceCondition> => {
  const filter = readFilter(text, DEVICE_FIELDS);
  if (!mentionsType(filter)) return (bind) => toSql(filter, bind);
  const { rows: types } = await from.query<{ id: string; deviceType: string }>({
    name: 'names-of-device-types',
    text: 'SELECT id, name AS "deviceType" FROM device_types WHERE tenant_id = $1',
    values: [tenantId],
  });
  const byId = mapConditions(filter, (condition) =>
    condition.name === 'deviceType' ? typeIdCondition(condition, types) : condition,
  );
  return (bind) => toSql(byId, bind);
};

const mentionsType = (filter: Filter): boolean =>
  filter.kind === 'condition' ? filter.name === 'deviceType' : filter.operands.some(mentionsType);

const typeIdCondition = (
  condition: Condition,
  types: readonly { readonly id: string; readonly deviceType: string }[],
): Condition => ({
  kind: 'condition',
  name: 'deviceTypeId',
  field: DEVICE_TYPE_ID,
  negated: condition.negated,
  test: {
    kind: 'equals',
    values: types
      .filter((type) => matches({ ...condition, negated: false }, type))
      .map(({ id }) => ({ kind: 'text', pieces: [id] })),
  },
});

/** What one statement of a filtered query may take. */
const FILTER_TIMEOUT_MS = 4_000;

/**
 * Runs statements that hold a condition of the caller's. One that takes too long is the caller's fault: retried, it would
 * only take as long again, and hold a connection that everybody needs. Throws `filter-too-slow`.
 */
export const withinFilterTime = <T>(
  database: Database,
  query: (tx: pg.PoolClient) => Promise<T>,
): Promise<T> =>
  database.transaction(async (tx) => {
    await tx.query(`SET LOCAL statement_timeout = ${FILTER_TIMEOUT_MS}; SET LOCAL jit = off`);
    try {
      return await query(tx);
    } catch (error) {
      if ((error as { code?: unknown }).code !== QUERY_CANCELED) throw error;
      throw new AppError('filter-too-slow', TOO_SLOW, {
        cause: error,
        errors: [{ path: 'filter', message: TOO_SLOW }],
      });
    }
  });

const QUERY_CANCELED = '57014';
const TOO_SLOW =
  `The filter took longer than ${FILTER_TIMEOUT_MS / 1000} s. Narrow it with a comparison that an index answers: ` +
  'deviceType, tags, folder, name or a metadata key == a value; != and =out=, and * at the beginning, read every device.';
