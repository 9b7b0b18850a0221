import type { FilterField } from '@muster/contracts/device-registry/filters.requests';
import { operatorsOf } from '@muster/filter';
import { DEVICE_FIELDS, type DeviceField } from '../device/device-filter.js';

const EQUAL = ['==', '=in='];
const ORDERED = ['<', '<=', '>', '>='];

/** Operators that an index answers, as the migrations made them. `!=` and its like mean nearly all devices, or read them all. */
const INDEXED: Readonly<Record<DeviceField, readonly string[]>> = {
  id: EQUAL,
  name: [...EQUAL, ...ORDERED],
  deviceType: EQUAL,
  appVersion: [],
  interface: [],
  status: EQUAL,
  folder: EQUAL,
  tags: EQUAL,
  serialNumber: EQUAL,
  parentId: EQUAL,
  position: [],
  metadata: EQUAL,
  createdAt: [...EQUAL.slice(0, 1), ...ORDERED],
  connected: [],
  lastSeenAt: [],
  software: EQUAL,
  syncState: [...EQUAL, '!=', '=out='],
  desired: EQUAL,
  reported: EQUAL,
  group: [], // as its own filter
};

/** Without the keys, which are the devices'. */
export const filterFields = (): readonly (FilterField & { readonly field: DeviceField })[] =>
  (Object.keys(DEVICE_FIELDS) as DeviceField[]).map((field) => {
    const declared = DEVICE_FIELDS[field];
    return {
      field,
      name: declared.kind === 'json' ? `${field}.<key>` : field,
      kind: declared.kind,
      operators: [...operatorsOf(declared)],
      indexed: [...INDEXED[field]],
      ...('values' in declared ? { values: [...declared.values] } : {}),
    };
  });
