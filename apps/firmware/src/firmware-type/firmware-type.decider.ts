import { AppError, type FieldError } from '@muster/contracts';
import type { FirmwareTypeCreated, FirmwareTypeEvent } from './firmware-type.events.js';

/** Survives JSON: it is stored beside the stream. null: not created. */
export interface FirmwareType {
  readonly created: FirmwareTypeCreated['data'] | null;
}

export const initial: FirmwareType = { created: null };

export interface CreateFirmwareType {
  readonly type: 'CreateFirmwareType';
  readonly deviceTypeId: string;
  readonly name: string;
  readonly versionKey: string;
  readonly urlKey: string;
  readonly tokenKey: string;
  readonly at: string;
}

/** The replies of kp1, and how the first firmware type of a device type is called where it needs no name. */
const RESERVED = ['status', 'error', 'default'];

/**
 * Pure. No events when it was created already. That name and keys are free in the device type is seen by the projection.
 * Throws `invalid-request`.
 */
export const decide = (command: CreateFirmwareType, state: FirmwareType): readonly FirmwareTypeEvent[] => {
  if (state.created !== null) return [];
  const { deviceTypeId, name, versionKey, urlKey, tokenKey, at: createdAt } = command;
  const data = { deviceTypeId, name, versionKey, urlKey, tokenKey, createdAt };
  const errors: FieldError[] = [];
  // A level of a topic that is made of digits is a request id (1/KP).
  if (RESERVED.includes(data.name) || /^\d+$/.test(data.name)) {
    errors.push({
      path: 'firmwareType.name',
      message: 'must not be a number, "status", "error" or "default"',
    });
  }
  if (new Set([data.versionKey, data.urlKey, data.tokenKey]).size < 3) {
    errors.push({
      path: 'firmwareType.versionKey',
      message: 'and urlKey and tokenKey must be three different keys',
    });
  }
  if (errors.length > 0) {
    throw new AppError('invalid-request', errors.map((e) => `${e.path} ${e.message}`).join('; '), { errors });
  }
  return [{ type: 'FirmwareTypeCreated', data }];
};

export const evolve = (_state: FirmwareType, event: FirmwareTypeEvent): FirmwareType => ({
  created: event.data,
});

/** The stream `firmware-type-<id>`. */
export const firmwareType = { name: 'firmware-type', initial, evolve, decide } as const;
