import { AppError } from '@muster/contracts';
import type {
  FirmwareEvent,
  FirmwareIdentity,
  FirmwareRegistered,
  StoredRollout,
} from './firmware.events.js';

/** Survives JSON: it is stored beside the stream. */
export interface Firmware {
  readonly status: 'unregistered' | 'registered' | 'deleted';
  /** Events folded so far, which is the version of the stream. */
  readonly revision: number;
  readonly registered: FirmwareRegistered['data'] | null;
  readonly description: string | null;
  readonly upgradableFrom: readonly string[];
  readonly rollout: StoredRollout;
}

export const initial: Firmware = {
  status: 'unregistered',
  revision: 0,
  registered: null,
  description: null,
  upgradableFrom: [],
  rollout: { strategy: 'suspended' },
};

export interface RegisterFirmware extends FirmwareIdentity {
  readonly type: 'RegisterFirmware';
  readonly name: string;
  readonly fileKey: string;
  readonly size: number;
  readonly sha256: string;
  readonly description?: string;
  readonly upgradableFrom: readonly string[];
  readonly at: string;
}

/** What is absent stays. */
export interface EditFirmware {
  readonly type: 'EditFirmware';
  readonly description?: string | null;
  readonly upgradableFrom?: readonly string[];
  readonly rollout?: StoredRollout;
  readonly expectedVersion?: number;
  readonly at: string;
}

export interface DeleteFirmware {
  readonly type: 'DeleteFirmware';
  readonly expectedVersion?: number;
  readonly at: string;
}

export type FirmwareCommand = RegisterFirmware | EditFirmware | DeleteFirmware;

/**
 * Pure. No events when the command is already satisfied, whatever version of those that have been it expected: the repetition of a change whose
 * answer got lost must not answer `version-mismatch`. That the version is free in its firmware type is seen by the
 * projection. Throws `firmware-not-found`, `invalid-request`, `version-mismatch`.
 */
export const decide = (command: FirmwareCommand, state: Firmware): readonly FirmwareEvent[] => {
  switch (command.type) {
    case 'RegisterFirmware':
      return register(command, state);
    case 'EditFirmware':
      return edit(command, state);
    case 'DeleteFirmware': {
      if (state.status === 'deleted') return [];
      const { fileKey, identity } = known(state);
      assertExpected(command, state);
      return [{ type: 'FirmwareDeleted', data: { ...identity, fileKey, deletedAt: command.at } }];
    }
  }
};

const register = (command: RegisterFirmware, state: Firmware): readonly FirmwareEvent[] => {
  if (state.status === 'deleted') throw notFound();
  if (state.status === 'registered') return [];
  assertPath(command.version, command.upgradableFrom);
  const { description, at: registeredAt, ...rest } = command;
  const { firmwareTypeId, deviceTypeId, version, name, fileKey, size, sha256, upgradableFrom } = rest;
  const data = {
    ...{ firmwareTypeId, deviceTypeId, version, name, fileKey, size, sha256, upgradableFrom },
    ...(description === undefined ? {} : { description }),
    registeredAt,
  };
  return [{ type: 'FirmwareRegistered', data }];
};

const edit = (command: EditFirmware, state: Firmware): readonly FirmwareEvent[] => {
  const { identity } = known(state);
  const { description, upgradableFrom, rollout, at: changedAt } = command;
  const events: FirmwareEvent[] = [];
  if (description !== undefined && description !== state.description) {
    events.push({ type: 'FirmwareDescribed', data: { ...identity, description, changedAt } });
  }
  if (upgradableFrom !== undefined && !sameSet(upgradableFrom, state.upgradableFrom)) {
    assertPath(identity.version, upgradableFrom);
    events.push({ type: 'UpgradePathChanged', data: { ...identity, upgradableFrom, changedAt } });
  }
  if (rollout !== undefined) {
    assertRollout(rollout);
    if (!sameRollout(rollout, state.rollout)) {
      events.push({ type: 'RolloutChanged', data: { ...identity, rollout, changedAt } });
    }
  }
  // With nothing to change an older one is a repetition, and satisfied; a version that has never been is nobody's.
  if (events.length > 0 || (command.expectedVersion ?? 0) > state.revision) assertExpected(command, state);
  return events;
};

const known = (state: Firmware): { readonly identity: FirmwareIdentity; readonly fileKey: string } => {
  if (state.status !== 'registered' || state.registered === null) throw notFound();
  const { firmwareTypeId, deviceTypeId, version, fileKey } = state.registered;
  return { identity: { firmwareTypeId, deviceTypeId, version }, fileKey };
};

const assertExpected = (
  { expectedVersion }: { readonly expectedVersion?: number },
  { revision }: Firmware,
) => {
  if (expectedVersion !== undefined && expectedVersion !== revision) {
    throw new AppError(
      'version-mismatch',
      `The firmware is at revision ${revision}, not ${expectedVersion}.`,
    );
  }
};

const assertPath = (version: string, upgradableFrom: readonly string[]): void => {
  if (upgradableFrom.includes(version)) invalid('upgradableFrom', 'must not name the version itself');
};

const assertRollout = ({ strategy, filter }: StoredRollout): void => {
  const names = (filter?.deviceIds?.length ?? 0) + (filter?.tags?.length ?? 0);
  if (strategy === 'targeted' && names === 0) {
    invalid('rollout.filter', 'must name at least one of deviceIds and tags when the strategy is "targeted"');
  }
  if (strategy !== 'targeted' && filter !== undefined) {
    invalid('rollout.filter', `is not for the strategy "${strategy}"`);
  }
};

const invalid = (path: string, message: string): never => {
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};

const sameSet = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((text) => b.includes(text));

const sameRollout = (a: StoredRollout, b: StoredRollout): boolean =>
  a.strategy === b.strategy &&
  sameSet(a.filter?.deviceIds, b.filter?.deviceIds) &&
  sameSet(a.filter?.tags, b.filter?.tags);

const notFound = (): AppError => new AppError('firmware-not-found', 'No such firmware.');

export const evolve = (before: Firmware, event: FirmwareEvent): Firmware => {
  const state = { ...before, revision: before.revision + 1 };
  switch (event.type) {
    case 'FirmwareRegistered':
      return {
        ...state,
        status: 'registered',
        registered: event.data,
        description: event.data.description ?? null,
        upgradableFrom: event.data.upgradableFrom,
      };
    case 'FirmwareDescribed':
      return { ...state, description: event.data.description };
    case 'UpgradePathChanged':
      return { ...state, upgradableFrom: event.data.upgradableFrom };
    case 'RolloutChanged':
      return { ...state, rollout: event.data.rollout };
    case 'FirmwareDeleted':
      return { ...state, status: 'deleted' };
  }
};

/** The stream `firmware-<id>`; the id is the key of its file, so that no file can become two firmwares. */
export const firmware = { name: 'firmware', initial, evolve, decide } as const;
