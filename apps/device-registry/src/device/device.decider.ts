import { AppError, type JsonObject } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { Aggregate } from '@muster/event-store';
import { tagsAfter, type ChangeInBulk } from '../bulk/bulk-decisions.js';
import {
  credentialIssued,
  editCredential,
  evolveCredential,
  issueCredential,
  observeCredential,
  removeCredential,
  rotateCredential,
  type EditCredential,
  type IssueCredential,
  type NewCredential,
  type ObserveCredential,
  type RemoveCredential,
  type RotateCredential,
} from '../credential/credential-decisions.js';
import type { ApplyRow } from '../import/import-decisions.js';
import {
  changeMetadata,
  deleteMetadata,
  deleteMetadataKey,
  firstMetadata,
  updateMetadata,
  withMetadata,
  type ChangeMetadata,
  type DeleteMetadata,
  type DeleteMetadataKey,
  type UpdateMetadata,
} from '../metadata/metadata-decisions.js';
import {
  changeTokenStatus,
  editToken,
  evolveTokenTime,
  issueToken,
  observeToken,
  removeToken,
  tokenIssued,
  tokenStatus,
  withoutToken,
  withToken,
  type EditToken,
  type IssueToken,
  type NewToken,
  type ObserveToken,
  type RemoveToken,
} from '../token/token-decisions.js';
import { isWithin, movedPath } from '../folder/folder-path.js';
import type { EditDevice, FollowFolder, KnownAppVersion } from './device-edit.js';
import type { Device, ExistingDevice } from './device-state.js';
import { upcast, type DeviceEvent, type EnrolledBy, type GeoPosition } from './device.events.js';

export type DeviceCommand =
  | {
      readonly type: 'ProvisionDevice';
      readonly name: string;
      readonly deviceTypeId: string;
      readonly deviceType: string;
      readonly appVersion: string;
      readonly interface: DeviceInterface;
      readonly folder: string;
      readonly tags: readonly string[];
      readonly metadata: JsonObject;
      readonly serialNumber?: string | undefined;
      readonly position?: GeoPosition | undefined;
      readonly parentId?: string | undefined;
      readonly token: NewToken;
      /** Null: the token is enough; over HTTP it is let in by nothing until one is issued. */
      readonly credential: NewCredential | null;
      readonly status?: 'pending' | undefined;
      readonly enrolledBy?: EnrolledBy | undefined;
      readonly at: string;
    }
  | EditDevice
  | ApplyRow
  | {
      readonly type: 'RecordSighting';
      readonly tokenId: string;
      readonly appVersion?: KnownAppVersion | undefined;
    }
  | { readonly type: 'DeleteDevice' }
  /** Of a device that is deleted. */
  | { readonly type: 'RecordErasure'; readonly at: string }
  | ChangeInBulk
  | FollowFolder
  | ChangeMetadata
  | DeleteMetadataKey
  | UpdateMetadata
  | DeleteMetadata
  | IssueToken
  | EditToken
  | ObserveToken
  | IssueCredential
  | EditCredential
  | RotateCredential
  | ObserveCredential
  | RemoveToken
  | RemoveCredential;

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws `device-not-found`,
 * `device-exists`, `app-version-not-found`, `token-not-found`, `token-status-final`, `metadata-key-not-found`,
 * `metadata-key-restricted`, `credential-not-found`, `credential-status-final`, `credential-limit-reached`, `token-not-revoked`,
 * `credential-not-revoked`, `device-status`, `invalid-request` (metadata, credential, tokenOnly).
 * That names and token texts are unique is known only to the tables.
 */
const decide = (command: DeviceCommand, device: Device): readonly DeviceEvent[] => {
  if (command.type === 'ProvisionDevice') return provision(command, device);
  if (command.type === 'DeleteDevice' && device.status === 'deleted') return [];
  if (command.type === 'RecordErasure' && device.status === 'deleted') {
    return device.isErased === true ? [] : [{ type: 'DeviceErased', data: { erasedAt: command.at } }];
  }
  if (device.status !== 'existing') throw new AppError('device-not-found', 'There is no such device.');
  switch (command.type) {
    case 'EditDevice':
      return edit(command, device);
    case 'ChangeInBulk':
      return changeInBulk(command, device);
    case 'FollowFolder':
      return isWithin(device.folder, command.from)
        ? edit({ type: 'EditDevice', folder: movedPath(device.folder, command) }, device)
        : [];
    case 'ApplyRow':
      return applyRow(command, device);
    case 'RecordSighting':
      return recordSighting(command, device);
    case 'DeleteDevice':
      return [{ type: 'DeviceDeleted', data: { name: device.name } }];
    case 'RecordErasure':
      throw new AppError('device-exists', 'The device is not deleted.');
    case 'ChangeMetadata':
      return changeMetadata(command, device);
    case 'DeleteMetadataKey':
      return deleteMetadataKey(command, device);
    case 'UpdateMetadata':
      return updateMetadata(command, device);
    case 'DeleteMetadata':
      return deleteMetadata(command, device);
    case 'IssueToken':
      return issueToken(command, device);
    case 'EditToken':
      return editToken(command, device);
    case 'ObserveToken':
      return observeToken(command, device);
    case 'IssueCredential':
      return issueCredential(command, device);
    case 'EditCredential':
      return editCredential(command, device);
    case 'RotateCredential':
      return rotateCredential(command, device);
    case 'ObserveCredential':
      return observeCredential(command, device);
    case 'RemoveToken':
      return removeToken(command, device);
    case 'RemoveCredential':
      return removeCredential(command, device);
  }
};

const provision = (
  command: Extract<DeviceCommand, { type: 'ProvisionDevice' }>,
  device: Device,
): readonly DeviceEvent[] => {
  if (device.status !== 'none') return [];
  const metadata = firstMetadata(command.metadata);
  const { name, deviceTypeId, deviceType, appVersion, folder, tags, token, at } = command;
  const { serialNumber, position, parentId, credential, status, enrolledBy } = command;
  const tokenOnly = command.interface !== 'http' && credential === null;
  return [
    {
      type: 'DeviceProvisioned',
      data: {
        name,
        deviceTypeId,
        deviceType,
        appVersion,
        interface: command.interface,
        folder,
        tags,
        metadata,
        ...(serialNumber === undefined ? {} : { serialNumber }),
        ...(position === undefined ? {} : { position }),
        ...(parentId === undefined ? {} : { parentId }),
        ...(status === undefined ? {} : { status }),
        ...(tokenOnly === isTokenOnlyAtFirst(command.interface) ? {} : { tokenOnly }),
        ...(enrolledBy === undefined ? {} : { enrolledBy }),
        provisionedAt: at,
      },
    },
    tokenIssued(token, at),
    ...(credential === null ? [] : [credentialIssued(credential, at)]),
  ];
};

/** Where no event says it. */
const isTokenOnlyAtFirst = (of: DeviceInterface): boolean => of !== 'http';

const edit = (command: EditDevice, device: ExistingDevice): DeviceEvent[] => {
  const { name, appVersion, folder, tags, serialNumber, position, parentId } = command;
  const events: DeviceEvent[] = [];
  if (name !== undefined && name !== device.name) {
    events.push({ type: 'DeviceRenamed', data: { from: device.name, to: name } });
  }
  if (appVersion !== undefined) events.push(...moveToAppVersion(appVersion, device));
  if (folder !== undefined && folder !== device.folder) {
    events.push({ type: 'DeviceMoved', data: { from: device.folder, to: folder } });
  }
  if (tags !== undefined && !sameJson(tags, device.tags)) {
    events.push({ type: 'DeviceRetagged', data: { from: device.tags, to: tags } });
  }
  if (serialNumber !== undefined && serialNumber !== device.serialNumber) {
    events.push({ type: 'DeviceSerialNumberChanged', data: { from: device.serialNumber, to: serialNumber } });
  }
  if (position !== undefined && !sameJson(position, device.position)) {
    events.push({ type: 'DevicePositionChanged', data: { from: device.position, to: position } });
  }
  if (parentId !== undefined && parentId !== device.parentId) {
    events.push({ type: 'DeviceParentChanged', data: { from: device.parentId, to: parentId } });
  }
  if (command.status !== undefined && command.status !== device.standing) {
    if (device.standing === 'pending' && command.status === 'suspended') {
      throw new AppError('device-status', 'The device waits for an approval: make it active, or delete it.');
    }
    events.push({ type: 'DeviceStandingChanged', data: { from: device.standing, to: command.status } });
  }
  const by = command.interface ?? device.interface;
  if (by !== device.interface)
    events.push({ type: 'DeviceInterfaceChanged', data: { from: device.interface, to: by } });
  if (by === 'http' && command.tokenOnly === true) throw tokenOnlyOfHttp();
  const tokenOnly = by === 'http' ? false : (command.tokenOnly ?? device.tokenOnly);
  if (tokenOnly !== device.tokenOnly)
    events.push({ type: 'DeviceTokenOnlyChanged', data: { from: device.tokenOnly, to: tokenOnly } });
  return events;
};

const tokenOnlyOfHttp = (): AppError => {
  const [path, message] = [
    'edit.tokenOnly',
    'must be false for interface http: whether the token is enough is a setting of the device type (httpTokenOnly)',
  ];
  return new AppError('invalid-request', `${path} ${message}.`, { errors: [{ path, message }] });
};

const changeInBulk = (
  { tags, folder, metadata }: ChangeInBulk,
  device: ExistingDevice,
): readonly DeviceEvent[] => [
  ...edit(
    { type: 'EditDevice', folder, ...(tags === undefined ? {} : { tags: tagsAfter(tags, device.tags) }) },
    device,
  ),
  ...(metadata === undefined ? [] : changeMetadata({ patch: metadata }, device)),
];

const applyRow = (
  { edit: changes, metadata, token, at }: ApplyRow,
  device: ExistingDevice,
): readonly DeviceEvent[] => [
  ...edit({ type: 'EditDevice', ...changes }, device),
  ...(metadata === undefined ? [] : changeMetadata({ patch: metadata }, device)),
  ...(token === undefined ? [] : issueToken({ type: 'IssueToken', ...token, at }, device)),
];

const moveToAppVersion = ({ name, deviceTypeId }: KnownAppVersion, device: ExistingDevice): DeviceEvent[] => {
  if (name === device.appVersion) return [];
  if (deviceTypeId !== device.deviceTypeId) {
    throw new AppError('app-version-not-found', `The device's type has no application version "${name}".`);
  }
  return [{ type: 'DeviceAppVersionChanged', data: { from: device.appVersion, to: name } }];
};

const recordSighting = (
  { tokenId, appVersion }: Extract<DeviceCommand, { type: 'RecordSighting' }>,
  device: ExistingDevice,
): DeviceEvent[] => {
  const status = tokenStatus(device, tokenId);
  // Such a token opens nothing, so what was said with it counts for nothing either.
  if (status === 'suspended' || status === 'revoked') return [];
  const moved = appVersion === undefined ? [] : moveToAppVersion(appVersion, device);
  return [...changeTokenStatus({ tokenId, status: 'active' }, device), ...moved];
};

const evolve = (device: Device, event: DeviceEvent): Device => {
  if (event.type === 'DeviceProvisioned') {
    const { name, deviceTypeId, appVersion, folder, tags, metadata } = event.data;
    const { serialNumber = null, position = null, parentId = null, status: standing = 'active' } = event.data;
    const { tokenOnly = isTokenOnlyAtFirst(event.data.interface) } = event.data;
    return {
      status: 'existing',
      name,
      deviceTypeId,
      appVersion,
      interface: event.data.interface,
      folder,
      tags,
      metadata,
      serialNumber,
      position,
      parentId,
      standing,
      tokenOnly,
      tokens: {},
      credentials: {},
    };
  }
  if (event.type === 'DeviceErased')
    return device.status === 'deleted' ? { ...device, isErased: true } : device;
  if (device.status !== 'existing') return device;
  switch (event.type) {
    case 'DeviceRenamed':
      return { ...device, name: event.data.to };
    case 'DeviceMoved':
      return { ...device, folder: event.data.to };
    case 'DeviceRetagged':
      return { ...device, tags: event.data.to };
    case 'DeviceAppVersionChanged':
      return { ...device, appVersion: event.data.to };
    case 'DeviceInterfaceChanged':
      return { ...device, interface: event.data.to };
    case 'DeviceSerialNumberChanged':
      return { ...device, serialNumber: event.data.to };
    case 'DevicePositionChanged':
      return { ...device, position: event.data.to };
    case 'DeviceParentChanged':
      return { ...device, parentId: event.data.to };
    case 'DeviceMetadataChanged':
      return withMetadata(device, event.data);
    case 'EndpointTokenIssued':
      return evolveTokenTime(withToken(device, event.data.tokenId, 'inactive'), event);
    case 'EndpointTokenValidityChanged':
    case 'EndpointTokenBegan':
    case 'EndpointTokenExpired':
      return evolveTokenTime(device, event);
    case 'EndpointTokenStatusChanged':
      return withToken(device, event.data.tokenId, event.data.to);
    case 'EndpointTokenRemoved':
      return withoutToken(device, event.data.tokenId);
    case 'CredentialIssued':
    case 'CredentialStatusChanged':
    case 'CredentialValidityChanged':
    case 'CredentialBegan':
    case 'CredentialExpired':
    case 'CredentialRemoved':
      return evolveCredential(device, event);
    case 'DeviceStandingChanged':
      return { ...device, standing: event.data.to };
    case 'DeviceTokenOnlyChanged':
      return { ...device, tokenOnly: event.data.to };
    case 'DeviceDeleted':
      return { status: 'deleted', name: event.data.name };
  }
};

export const device: Aggregate<Device, DeviceCommand, DeviceEvent> = {
  name: 'device',
  // 2: interface and secrets. 3: parent. 4: credentials with their times, standing. Older states are folded again.
  stateVersion: 4,
  initial: { status: 'none' },
  evolve,
  decide,
  upcast,
};
