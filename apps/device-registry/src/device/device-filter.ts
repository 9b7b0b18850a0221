import { CONFIGURATION_KEY_RULE, NAME_RULE } from '@muster/contracts';
import { SYNC_STATES, type SyncState } from '@muster/contracts/configuration/sync-state';
import { DEVICE_STATUSES, INTERFACES } from '@muster/contracts/device-registry/devices.requests';
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
import { withGroupsResolved } from '../group/groups-in-filter.js';
import { SOFTWARE_JOIN } from '../software/device-software.js';
import { STATE_JOIN, SYNC_STATE, UNCONFIRMED } from '../state/device-states.js';
import type { StateSource } from '../state/state-progress.js';

const CONFIGURATION_KEY = { rule: CONFIGURATION_KEY_RULE, expected: 'of a configuration' };

/**
 * What devices can be filtered by; `d` is the device's row, `c` what is known of its connections, `s` of its software, `st` of its
 * configuration. docs/filters.md has the same table, for operators.
 */
const OWN_FIELDS = {
  id: { kind: 'text', column: 'd.id' },
  name: { kind: 'text', column: 'd.name' },
  deviceType: { kind: 'text', column: 'NULL' }, // compared by id: see `deviceCondition`
  appVersion: { kind: 'text', column: 'd.app_version' },
  interface: { kind: 'text', column: 'd.interface', values: INTERFACES },
  status: { kind: 'text', column: 'd.status', values: DEVICE_STATUSES },
  folder: { kind: 'path', column: 'd.folder' },
  tags: { kind: 'list', column: 'd.tags' },
  serialNumber: { kind: 'text', column: 'd.serial_number' },
  metadata: {
    kind: 'json',
    column: 'd.metadata',
    key: { rule: /^[a-zA-Z0-9_]{1,64}$/, expected: 'of letters, digits and _, at most 64' },
  },
  parentId: { kind: 'text', column: 'd.parent_id' },
  position: {
    kind: 'json',
    column: 'd.position',
    key: { rule: /^(latitude|longitude|altitude)$/, expected: 'latitude, longitude or altitude' },
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
  syncState: { kind: 'text', column: SYNC_STATE, values: SYNC_STATES },
  desired: { kind: 'json', column: 'st.desired', key: CONFIGURATION_KEY },
  reported: { kind: 'json', column: 'st.reported', key: CONFIGURATION_KEY },
} as const satisfies Fields;

export const DEVICE_FIELDS = {
  ...OWN_FIELDS,
  group: { kind: 'reference', column: 'NULL' }, // the group's filter is put in its place: see `deviceCondition`
} as const satisfies Fields;

/** The filter of a group, which cannot name groups. Throws `invalid-filter`. */
export const readGroupFilter = (text: string): Filter => readFilter(text, OWN_FIELDS);

export type DeviceField = keyof typeof DEVICE_FIELDS;

/** What the fields are read from, besides `devices d`. */
export const FILTER_JOINS = `${CONNECTIVITY_JOIN} ${SOFTWARE_JOIN} ${STATE_JOIN}`;

const DEVICE_TYPE_ID: Field = { kind: 'text', column: 'd.device_type_id' };

/** Which devices a request means. */
export interface DeviceCondition {
  /** A condition on `devices d` with `FILTER_JOINS`, its parameters given to `bind`. */
  readonly sql: (bind: Bind) => string;
  /** Of whose events it reads what is followed. */
  readonly reads: ReadonlySet<StateSource>;
  /** It reads what PostgreSQL keeps no statistics of, and only guesses how many devices have. */
  readonly isGuessed: boolean;
}

/** Those that are named. */
export const among = (deviceIds: readonly string[]): DeviceCondition => ({
  sql: (bind) => `d.id = ANY(${bind(deviceIds)})`,
  reads: new Set(),
  isGuessed: false,
});

const SOURCE_OF: Readonly<Record<string, StateSource>> = {
  syncState: 'configuration',
  desired: 'configuration',
  reported: 'configuration',
  software: 'firmware',
};

/** Reads a filter over `DEVICE_FIELDS`. Throws `invalid-filter`. */
export const deviceCondition = async (
  from: Queryable,
  tenantId: string,
  text: string,
): Promise<DeviceCondition> => {
  const filter = await withGroupsResolved(from, tenantId, readFilter(text, DEVICE_FIELDS), readGroupFilter);
  const names = fieldsIn(filter);
  const types = names.has('deviceType') ? await typesOf(from, tenantId) : [];
  const indexed = mapConditions(filter, (condition) => {
    if (condition.name === 'deviceType') return typeIdCondition(condition, types);
    return condition.name === 'syncState' ? syncStateCondition(condition) : condition;
  });
  return {
    sql: (bind) => toSql(indexed, bind),
    reads: new Set([...names].flatMap((name) => SOURCE_OF[name] ?? [])),
    isGuessed: [...names].some((name) => GUESSED.has(name)),
  };
};

/** What lies in JSON, and the sync state, which is made of two columns and the time. */
const GUESSED: ReadonlySet<string> = new Set([
  'syncState',
  ...Object.entries(DEVICE_FIELDS).flatMap(([name, { kind }]) => (kind === 'json' ? [name] : [])),
]);

const fieldsIn = (filter: Filter): ReadonlySet<string> =>
  new Set(filter.kind === 'condition' ? [filter.name] : filter.operands.flatMap((one) => [...fieldsIn(one)]));

type TypeName = Readonly<Record<'id' | 'deviceType', string>>;

const typesOf = async (from: Queryable, tenantId: string): Promise<readonly TypeName[]> => {
  const { rows } = await from.query<{ id: string; deviceType: string }>({
    name: 'names-of-device-types',
    text: 'SELECT id, name AS "deviceType" FROM device_types WHERE tenant_id = $1',
    values: [tenantId],
  });
  return rows;
};

/**
 * Types are looked up before and compared by id: PostgreSQL knows how many devices have which `device_type_id`, but
 * cannot see through a join how many have a type of some name, and then walks the whole table for the first page of a rare one.
 */
const typeIdCondition = (condition: Condition, types: readonly TypeName[]): Condition => ({
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

/**
 * The states that fit, each by the columns that an index has: through the expression that is shown, PostgreSQL could see none.
 * There are no others and every device has one, so the complement is the rest of them.
 */
const syncStateCondition = (condition: Condition): Filter => ({
  kind: 'or',
  operands: SYNC_STATES.filter((syncState) => matches(condition, { syncState })).map(isInState),
});

const KEPT_STATE: Field = { kind: 'text', column: 'st.sync_state' };
const PAST_DEADLINE: Field = { kind: 'boolean', column: `(${UNCONFIRMED})` };

const keptIn = (states: readonly SyncState[], negated = false): Condition => ({
  kind: 'condition',
  name: 'syncState',
  field: KEPT_STATE,
  negated,
  test: { kind: 'equals', values: states.map((state) => ({ kind: 'text', pieces: [state] })) },
});

const pastDeadline = (negated: boolean): Condition => ({
  kind: 'condition',
  name: 'syncState',
  field: PAST_DEADLINE,
  negated,
  test: { kind: 'equals', values: [{ kind: 'boolean', value: true }] },
});

const isInState = (state: SyncState): Filter => {
  switch (state) {
    case 'dispatched':
    case 'unconfirmed':
      return { kind: 'and', operands: [keptIn(['dispatched']), pastDeadline(state === 'dispatched')] };
    case 'none': // also where there is no row
      return keptIn(['in_sync', 'pending', 'dispatched', 'rejected'], true);
    case 'in_sync':
    case 'pending':
    case 'rejected':
      return keptIn([state]);
  }
};
