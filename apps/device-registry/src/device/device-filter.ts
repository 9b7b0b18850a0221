import { NAME_RULE } from '@muster/contracts';
import { INTERFACES } from '@muster/contracts/device-registry/devices.requests';
import type { Queryable } from '@muster/event-store';
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
import { CONNECTED, CONNECTIVITY_JOIN } from '../connectivity/device-connectivity.js';
import { SOFTWARE_JOIN } from '../software/device-software.js';

/**
 * What devices can be filtered by; `d` is the device's row, `c` what is known of its connections, `s` of its software. docs/filters.md has the
 * same table, for operators.
 */
export const DEVICE_FIELDS = {
  id: { kind: 'text', column: 'd.id' },
  name: { kind: 'text', column: 'd.name' },
  deviceType: { kind: 'text', column: 'NULL' }, // compared by id: see `deviceCondition`
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
  connected: { kind: 'boolean', column: CONNECTED },
  lastSeenAt: { kind: 'time', column: 'c.last_seen_at' },
  software: {
    kind: 'json',
    column: 's.software',
    key: {
      rule: NAME_RULE,
      expected: 'the name of a firmware type, or default for the first of the device type',
    },
  },
} as const satisfies Fields;

/** What the fields are read from, besides `devices d`. */
export const FILTER_JOINS = `${CONNECTIVITY_JOIN} ${SOFTWARE_JOIN}`;

const DEVICE_TYPE_ID: Field = { kind: 'text', column: 'd.device_type_id' };

/** Which devices a request means: a condition on `devices d` with `FILTER_JOINS`, its parameters given to `bind`. */
export type DeviceCondition = (bind: Bind) => string;

/** Those that are named. */
export const among =
  (deviceIds: readonly string[]): DeviceCondition =>
  (bind) =>
    `d.id = ANY(${bind(deviceIds)})`;

/**
 * Reads a filter over `DEVICE_FIELDS`. Throws `invalid-filter`.
 *
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
