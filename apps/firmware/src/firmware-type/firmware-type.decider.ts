import { AppError, type FieldError } from '@muster/contracts';
import type { FirmwareTypeCreated, FirmwareTypeEvent } from './firmware-type.events.js';

/** Survives JSON: it is stored beside the stream. */
export interface FirmwareType {
  readonly status: 'absent' | 'created' | 'deleted';
  /** Events folded so far, which is the version of the stream. */
  readonly revision: number;
  /** As it is now; null: not created. */
  readonly created: FirmwareTypeCreated['data'] | null;
}

export const initial: FirmwareType = { status: 'absent', revision: 0, created: null };

export interface CreateFirmwareType {
  readonly type: 'CreateFirmwareType';
  readonly deviceTypeId: string;
  readonly name: string;
  readonly versionKey: string;
  readonly urlKey: string;
  readonly tokenKey: string;
  readonly at: string;
}

/** What is absent stays. */
export interface EditFirmwareType {
  readonly type: 'EditFirmwareType';
  readonly name?: string;
  readonly versionKey?: string;
  readonly urlKey?: string;
  readonly tokenKey?: string;
  readonly hasFirmwares: boolean;
  readonly expectedVersion?: number;
  readonly at: string;
}

export interface DeleteFirmwareType {
  readonly type: 'DeleteFirmwareType';
  readonly hasFirmwares: boolean;
  /** It is the first of its device type, and there are others. */
  readonly isFirstOfSeveral: boolean;
  readonly expectedVersion?: number;
  readonly at: string;
}

export type FirmwareTypeCommand = CreateFirmwareType | EditFirmwareType | DeleteFirmwareType;

/** The replies of kp1, and how the first firmware type of a device type is called where it needs no name. */
const RESERVED = ['status', 'error', 'default'];

/**
 * Pure. No events when the command is already satisfied. That name and keys are free in the device type is seen by the
 * projection. Throws `invalid-request`, `firmware-type-not-found`, `firmware-type-in-use`, `firmware-type-is-default`,
 * `version-mismatch`.
 */
export const decide = (command: FirmwareTypeCommand, state: FirmwareType): readonly FirmwareTypeEvent[] => {
  switch (command.type) {
    case 'CreateFirmwareType': {
      if (state.status !== 'absent') return [];
      const { deviceTypeId, name, versionKey, urlKey, tokenKey, at: createdAt } = command;
      const data = { deviceTypeId, name, versionKey, urlKey, tokenKey, createdAt };
      assertUsable(data, 'firmwareType');
      return [{ type: 'FirmwareTypeCreated', data }];
    }
    case 'EditFirmwareType':
      return edit(command, state);
    case 'DeleteFirmwareType': {
      if (state.status === 'deleted') return [];
      const { deviceTypeId } = known(state);
      assertExpected(command, state);
      if (command.hasFirmwares) throw inUse('deleted');
      if (command.isFirstOfSeveral) {
        throw new AppError(
          'firmware-type-is-default',
          'Devices that name no firmware type mean this one: delete the others first.',
        );
      }
      return [{ type: 'FirmwareTypeDeleted', data: { deviceTypeId, deletedAt: command.at } }];
    }
  }
};

const edit = (command: EditFirmwareType, state: FirmwareType): readonly FirmwareTypeEvent[] => {
  const before = known(state);
  const { name = before.name, at: changedAt } = command;
  const { versionKey = before.versionKey, urlKey = before.urlKey, tokenKey = before.tokenKey } = command;
  const isRenamed = name !== before.name;
  const hasOtherKeys =
    versionKey !== before.versionKey || urlKey !== before.urlKey || tokenKey !== before.tokenKey;
  const changes = isRenamed || hasOtherKeys;
  // With nothing to change an older one is a repetition, and satisfied; a version that has never been is nobody's.
  if (changes || (command.expectedVersion ?? 0) > state.revision) assertExpected(command, state);
  if (!changes) return [];
  assertUsable({ name, versionKey, urlKey, tokenKey }, 'edit');
  if (command.hasFirmwares) throw inUse('changed');
  return [
    ...(isRenamed ? [{ type: 'FirmwareTypeRenamed' as const, data: { name, changedAt } }] : []),
    ...(hasOtherKeys
      ? [
          {
            type: 'FirmwareTypeKeysChanged' as const,
            data: { versionKey, urlKey, tokenKey, changedAt },
          },
        ]
      : []),
  ];
};

const known = ({ status, created }: FirmwareType): FirmwareTypeCreated['data'] => {
  if (status !== 'created' || created === null) {
    throw new AppError('firmware-type-not-found', 'No such firmware type.');
  }
  return created;
};

const inUse = (what: 'changed' | 'deleted'): AppError =>
  new AppError('firmware-type-in-use', `Firmwares of this type exist: it is ${what} when they are deleted.`);

const assertExpected = (
  { expectedVersion }: { readonly expectedVersion?: number },
  { revision }: FirmwareType,
) => {
  if (expectedVersion !== undefined && expectedVersion !== revision) {
    throw new AppError(
      'version-mismatch',
      `The firmware type is at revision ${revision}, not ${expectedVersion}.`,
    );
  }
};

const assertUsable = (
  {
    name,
    versionKey,
    urlKey,
    tokenKey,
  }: Pick<CreateFirmwareType, 'name' | 'versionKey' | 'urlKey' | 'tokenKey'>,
  path: string,
): void => {
  const errors: FieldError[] = [];
  // A level of a topic that is made of digits is a request id (1/KP).
  if (RESERVED.includes(name) || /^\d+$/.test(name)) {
    errors.push({ path: `${path}.name`, message: 'must not be a number, "status", "error" or "default"' });
  }
  if (new Set([versionKey, urlKey, tokenKey]).size < 3) {
    errors.push({
      path: `${path}.versionKey`,
      message: 'and urlKey and tokenKey must be three different keys',
    });
  }
  if (errors.length > 0) {
    throw new AppError('invalid-request', errors.map((e) => `${e.path} ${e.message}`).join('; '), { errors });
  }
};

export const evolve = (before: FirmwareType, event: FirmwareTypeEvent): FirmwareType => {
  const state = { ...before, revision: before.revision + 1 };
  switch (event.type) {
    case 'FirmwareTypeCreated':
      return { ...state, status: 'created', created: event.data };
    case 'FirmwareTypeRenamed':
      return { ...state, created: changed(state, { name: event.data.name }) };
    case 'FirmwareTypeKeysChanged': {
      const { versionKey, urlKey, tokenKey } = event.data;
      return { ...state, created: changed(state, { versionKey, urlKey, tokenKey }) };
    }
    case 'FirmwareTypeDeleted':
      return { ...state, status: 'deleted' };
  }
};

const changed = (
  { created }: FirmwareType,
  changes: Partial<FirmwareTypeCreated['data']>,
): FirmwareTypeCreated['data'] | null => (created === null ? null : { ...created, ...changes });

/** The stream `firmware-type-<id>`. */
export const firmwareType = { name: 'firmware-type', stateVersion: 2, initial, evolve, decide } as const;
