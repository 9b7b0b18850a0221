import { AppError } from '@muster/contracts';
import type { DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { ImportRow } from '@muster/contracts/device-registry/imports.requests';
import type pg from 'pg';
import { knownAppVersions } from '../device-type/app-version-owner.js';
import { findDeviceType } from '../device-type/device-type-list.projection.js';
import type { KnownAppVersion } from '../device/device-edit.js';
import { hubsOf, type HasHub } from '../iot-hub/known-hubs.js';
import { readParents, type Parents } from '../device/parent.js';

/** A device that a row may mean. */
export interface KnownDevice {
  readonly id: string;
  readonly name: string;
  readonly serialNumber: string | null;
  readonly type: DeviceTypeView;
  readonly by: DeviceInterface;
}

/** Reads all that some rows speak of, with a query for each kind and not for each row. */
export const knownToRows = async (
  from: pg.PoolClient,
  tenantId: string,
  rows: readonly ImportRow[],
): Promise<KnownToRows> => {
  const all = <Value>(of: (row: ImportRow) => Value | null | undefined): Value[] => [
    ...new Set(rows.flatMap((row) => of(row) ?? [])),
  ];
  const { rows: devices } = await from.query<{
    id: string;
    name: string;
    serial_number: string | null;
    device_type_id: string;
    interface: DeviceInterface;
  }>(
    `SELECT id, name, serial_number, device_type_id, interface FROM devices WHERE tenant_id = $1 AND id = ANY($2)
     UNION SELECT id, name, serial_number, device_type_id, interface FROM devices WHERE tenant_id = $1 AND name = ANY($3)
     UNION SELECT id, name, serial_number, device_type_id, interface FROM devices
     WHERE tenant_id = $1 AND serial_number = ANY($4)`,
    [
      tenantId,
      [...all(({ id }) => id), ...all(({ parentId }) => parentId)],
      [...all(({ name }) => name), ...all(({ parent }) => parent)],
      all(({ serialNumber }) => serialNumber),
    ],
  );
  const types = new Map<string, DeviceTypeView>();
  for (const idOrName of new Set([
    ...devices.map((found) => found.device_type_id),
    ...all(({ deviceType }) => deviceType),
  ])) {
    const type = await findDeviceType(from, tenantId, idOrName);
    if (type !== undefined) types.set(idOrName, type);
  }
  const { rows: tokens } = await from.query<{ tenant_id: string; token: string; device_id: string }>(
    'SELECT tenant_id, token, device_id FROM endpoint_tokens WHERE token = ANY($1)',
    [all(({ token }) => token)],
  );
  const appVersions = await knownAppVersions(
    from,
    tenantId,
    all(({ appVersion }) => appVersion),
  );
  const named = new Map(devices.map(({ name, id }) => [name, id]));
  const parents = await readParents(
    from,
    tenantId,
    devices.map(({ id }) => id),
    [
      ...all(({ parentId }) => parentId),
      ...all(({ parent }) => parent).flatMap((name) => named.get(name) ?? []),
    ],
  );
  return new KnownToRows(
    devices.flatMap(({ id, name, serial_number: serialNumber, ...found }) => {
      const type = types.get(found.device_type_id);
      return type === undefined ? [] : [{ id, name, serialNumber, type, by: found.interface }];
    }),
    types,
    new Map(appVersions.map((one) => [one.name, one])),
    // Another tenant's token is taken as well, and whose it is is not told.
    new Map(tokens.map((one) => [one.token, one.tenant_id === tenantId ? one.device_id : ''])),
    parents,
    await hubsOf(from, tenantId),
  );
};

/** What is stored, and what the rows before have made of it. */
export class KnownToRows {
  private readonly byId = new Map<string, KnownDevice>();
  private readonly byName = new Map<string, string>();
  private readonly bySerialNumber = new Map<string, string>();

  constructor(
    devices: readonly KnownDevice[],
    private readonly types: ReadonlyMap<string, DeviceTypeView>,
    private readonly appVersions: ReadonlyMap<string, KnownAppVersion>,
    /** Text → the device that has it. */
    private readonly tokens: Map<string, string>,
    private readonly parents: Parents,
    readonly hasHub: HasHub,
  ) {
    for (const one of devices) this.learn(one);
  }

  typeOf(idOrName: string): DeviceTypeView | undefined {
    return this.types.get(idOrName);
  }

  appVersionOf(name: string): KnownAppVersion {
    return this.appVersions.get(name) ?? { name, deviceTypeId: undefined };
  }

  /**
   * The device that a row means: by its id, else by its serial number, else by its name. Undefined: a new one. Throws
   * `device-name-taken`, `serial-number-taken` where the row would take from another device what it has.
   */
  deviceOf({ id, serialNumber, name }: ImportRow): KnownDevice | undefined {
    const bySerialNumber = serialNumber == null ? undefined : this.bySerialNumber.get(serialNumber);
    const byName = name === undefined ? undefined : this.byName.get(name);
    const meant = this.byId.get(id ?? '') ?? this.byId.get(bySerialNumber ?? byName ?? '');
    if (meant === undefined) return undefined;
    if (byName !== undefined && byName !== meant.id) {
      throw new AppError('device-name-taken', `Another device has the name "${name ?? ''}".`);
    }
    if (bySerialNumber !== undefined && bySerialNumber !== meant.id) {
      throw new AppError(
        'serial-number-taken',
        `Another device has the serial number "${serialNumber ?? ''}".`,
      );
    }
    return meant;
  }

  /** What a row says of the parent; undefined: nothing. Throws `parent-not-found`, `parent-in-circle`, `invalid-request`. */
  parentOf(deviceId: string, { parentId, parent }: ImportRow): string | null | undefined {
    // Null in an optional field passes the contract's rules and means the same as absent.
    if (parent == null) {
      if (parentId != null) this.parents.put(deviceId, parentId);
      return parentId;
    }
    if (parentId !== undefined) {
      const message = 'must not be beside parentId: both say the same';
      throw new AppError('invalid-request', `parent ${message}`, { errors: [{ path: 'parent', message }] });
    }
    const named = this.byName.get(parent);
    if (named === undefined)
      throw new AppError('parent-not-found', `There is no parent device with the name "${parent}".`);
    this.parents.put(deviceId, named);
    return named;
  }

  /** One that is made now. */
  learnNew(known: KnownDevice): void {
    this.parents.learn(known.id);
    this.learn(known);
  }

  learn(known: KnownDevice): void {
    const before = this.byId.get(known.id);
    if (before !== undefined) {
      this.byName.delete(before.name);
      if (before.serialNumber !== null) this.bySerialNumber.delete(before.serialNumber);
    }
    this.byId.set(known.id, known);
    this.byName.set(known.name, known.id);
    if (known.serialNumber !== null) this.bySerialNumber.set(known.serialNumber, known.id);
  }

  /** Throws `token-taken` where another device has it. */
  hasToken(deviceId: string, text: string): boolean {
    const owner = this.tokens.get(text);
    if (owner === undefined || owner === deviceId) return owner !== undefined;
    throw new AppError(
      'token-taken',
      'This endpoint token is in use; tokens are unique in the whole system.',
    );
  }

  takeToken(deviceId: string, text: string): void {
    this.tokens.set(text, deviceId);
  }
}
