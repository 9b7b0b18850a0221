import { AppError, type JsonObject, type JsonValue } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { CredentialKind, DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { Aggregate } from '@muster/event-store';
import { sameJson } from '../same-json.js';
import {
  credentialKind,
  MAX_ACTIVE_SECRETS,
  tokensAreIssuedElsewhere,
} from '../credential/credential-rules.js';
import { upcast, type DeviceEvent, type GeoPosition } from './device.events.js';
import type { MetadataRules } from '../metadata/metadata-access.js';
import {
  deletedByDevice,
  merged,
  metadataChanges,
  updatedByDevice,
  withChanges,
} from '../metadata/metadata-changes.js';
import { refuseBadMetadata } from '../metadata/metadata-rules.js';

export interface ExistingDevice {
  readonly status: 'existing';
  readonly name: string;
  readonly deviceTypeId: string;
  readonly appVersion: string;
  readonly interface: DeviceInterface;
  readonly folder: string;
  readonly tags: readonly string[];
  readonly metadata: JsonObject;
  readonly serialNumber: string | null;
  readonly position: GeoPosition | null;
  /** Status by the token's id. */
  readonly tokens: Readonly<Record<string, TokenStatus>>;
  /** Status of the secrets by id. */
  readonly secrets: Readonly<Record<string, CredentialStatus>>;
}

export type Device =
  ExistingDevice | { readonly status: 'none' } | { readonly status: 'deleted'; readonly name: string };

/** An application version by name, with the type that has it; undefined: no type has one of that name. */
export interface KnownAppVersion {
  readonly name: string;
  readonly deviceTypeId: string | undefined;
}

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
      readonly token: { readonly tokenId: string; readonly hint: string };
      /** `kind` undefined: the one of the interface. The id is for a secret, if there is to be one. */
      readonly credential: { readonly kind: CredentialKind | undefined; readonly credentialId: string };
      readonly at: string;
    }
  | {
      /** Absent fields stay. */
      readonly type: 'EditDevice';
      readonly name?: string | undefined;
      readonly appVersion?: KnownAppVersion | undefined;
      readonly folder?: string | undefined;
      readonly tags?: readonly string[] | undefined;
      readonly serialNumber?: string | null | undefined;
      readonly position?: GeoPosition | null | undefined;
    }
  | { readonly type: 'ChangeMetadata'; readonly patch: Readonly<Record<string, JsonValue>> }
  | { readonly type: 'DeleteMetadataKey'; readonly key: string }
  | {
      /** By the device; `full` also removes what `values` does not name. */
      readonly type: 'UpdateMetadata';
      readonly mode: 'full' | 'partial';
      readonly values: JsonObject;
      readonly rules: MetadataRules;
    }
  | {
      /** By the device. */
      readonly type: 'DeleteMetadata';
      readonly keys: readonly string[];
      readonly rules: MetadataRules;
    }
  | { readonly type: 'IssueToken'; readonly tokenId: string; readonly hint: string; readonly at: string }
  | {
      readonly type: 'ChangeTokenStatus';
      readonly tokenId: string;
      readonly status: 'active' | 'suspended' | 'revoked';
    }
  | {
      readonly type: 'IssueCredential';
      readonly credentialId: string;
      readonly kind: CredentialKind;
      readonly at: string;
    }
  | {
      readonly type: 'ChangeCredentialStatus';
      readonly credentialId: string;
      readonly status: CredentialStatus;
    }
  | { readonly type: 'RecordSighting'; readonly tokenId: string; readonly appVersion: KnownAppVersion }
  | { readonly type: 'DeleteDevice' };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws `device-not-found`,
 * `app-version-not-found`, `token-not-found`, `token-status-final`, `metadata-key-not-found`, `metadata-key-restricted`,
 * `credential-not-found`, `credential-status-final`, `credential-limit-reached`, `invalid-request` (metadata, credential). That names and token texts are unique is known only to the tables.
 */
const decide = (command: DeviceCommand, device: Device): readonly DeviceEvent[] => {
  if (command.type === 'ProvisionDevice') return provision(command, device);
  if (command.type === 'DeleteDevice' && device.status === 'deleted') return [];
  if (device.status !== 'existing') throw new AppError('device-not-found', 'There is no such device.');
  switch (command.type) {
    case 'EditDevice':
      return edit(command, device);
    case 'ChangeMetadata':
      return changeMetadata(command.patch, device);
    case 'DeleteMetadataKey':
      if (!Object.hasOwn(device.metadata, command.key)) {
        throw new AppError('metadata-key-not-found', `The device has no metadata key "${command.key}".`);
      }
      return changeMetadata({ [command.key]: null }, device);
    case 'UpdateMetadata': {
      const { mode, values, rules } = command;
      return metadataChanges(
        'values',
        device.metadata,
        updatedByDevice(device.metadata, mode, values, rules),
      );
    }
    case 'DeleteMetadata': {
      const after = deletedByDevice(device.metadata, command.keys, command.rules);
      return metadataChanges('keys', device.metadata, after);
    }
    case 'IssueToken': {
      const { tokenId, hint, at } = command;
      if (device.tokens[tokenId] !== undefined) return [];
      return [{ type: 'EndpointTokenIssued', data: { tokenId, hint, issuedAt: at } }];
    }
    case 'ChangeTokenStatus': {
      const { tokenId, status: to } = command;
      const from = tokenStatus(device, tokenId);
      if (from === to) return [];
      if (from === 'revoked') {
        throw new AppError('token-status-final', 'The token is revoked; issue another one.');
      }
      return [{ type: 'EndpointTokenStatusChanged', data: { tokenId, from, to } }];
    }
    case 'IssueCredential':
      return issueCredential(command, device);
    case 'ChangeCredentialStatus': {
      const { credentialId, status: to } = command;
      const from = Object.hasOwn(device.secrets, credentialId) ? device.secrets[credentialId] : undefined;
      if (from === undefined)
        throw new AppError('credential-not-found', 'The device has no such credential.');
      if (from === to) return [];
      if (from === 'revoked') {
        throw new AppError('credential-status-final', 'The credential is revoked; issue another one.');
      }
      return [{ type: 'CredentialStatusChanged', data: { credentialId, kind: 'secret', from, to } }];
    }
    case 'RecordSighting':
      return recordSighting(command, device);
    case 'DeleteDevice':
      return [{ type: 'DeviceDeleted', data: { name: device.name } }];
  }
};

const provision = (
  command: Extract<DeviceCommand, { type: 'ProvisionDevice' }>,
  device: Device,
): readonly DeviceEvent[] => {
  if (device.status !== 'none') return [];
  refuseBadMetadata('device.metadata', command.metadata);
  const kind = credentialKind('device.credential.kind', command.interface, command.credential.kind);
  const { name, deviceTypeId, deviceType, appVersion, folder, tags, token, at } = command;
  const { serialNumber, position } = command;
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
        metadata: merged({}, command.metadata),
        ...(serialNumber === undefined ? {} : { serialNumber }),
        ...(position === undefined ? {} : { position }),
        provisionedAt: at,
      },
    },
    { type: 'EndpointTokenIssued', data: { ...token, issuedAt: at } },
    ...(kind === 'secret' ? [secretIssued(command.credential.credentialId, at)] : []),
  ];
};

const secretIssued = (credentialId: string, issuedAt: string): DeviceEvent => ({
  type: 'CredentialIssued',
  data: { credentialId, kind: 'secret', issuedAt },
});

const issueCredential = (
  { credentialId, kind, at }: Extract<DeviceCommand, { type: 'IssueCredential' }>,
  device: ExistingDevice,
): DeviceEvent[] => {
  if (device.secrets[credentialId] !== undefined) return [];
  if (credentialKind('kind', device.interface, kind) === 'token') throw tokensAreIssuedElsewhere();
  if (Object.values(device.secrets).filter((status) => status === 'active').length >= MAX_ACTIVE_SECRETS) {
    throw new AppError(
      'credential-limit-reached',
      `A device has at most ${MAX_ACTIVE_SECRETS} active secrets; revoke one first.`,
    );
  }
  return [secretIssued(credentialId, at)];
};

const edit = (
  command: Extract<DeviceCommand, { type: 'EditDevice' }>,
  device: ExistingDevice,
): DeviceEvent[] => {
  const { name, appVersion, folder, tags, serialNumber, position } = command;
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
  return events;
};

const moveToAppVersion = ({ name, deviceTypeId }: KnownAppVersion, device: ExistingDevice): DeviceEvent[] => {
  if (name === device.appVersion) return [];
  if (deviceTypeId !== device.deviceTypeId) {
    throw new AppError('app-version-not-found', `The device's type has no application version "${name}".`);
  }
  return [{ type: 'DeviceAppVersionChanged', data: { from: device.appVersion, to: name } }];
};

const changeMetadata = (
  patch: Readonly<Record<string, JsonValue>>,
  device: ExistingDevice,
): readonly DeviceEvent[] => {
  // Also when nothing changes: a key that could never be set must not look as if it had been removed.
  refuseBadMetadata('patch', Object.fromEntries(Object.entries(patch).filter(([, value]) => value === null)));
  return metadataChanges('patch', device.metadata, merged(device.metadata, patch));
};

const recordSighting = (
  { tokenId, appVersion }: Extract<DeviceCommand, { type: 'RecordSighting' }>,
  device: ExistingDevice,
): DeviceEvent[] => {
  const status = tokenStatus(device, tokenId);
  // Such a token opens nothing, so what was said with it counts for nothing either.
  if (status === 'suspended' || status === 'revoked') return [];
  const moved = moveToAppVersion(appVersion, device);
  if (status === 'active') return moved;
  return [
    { type: 'EndpointTokenStatusChanged', data: { tokenId, from: 'inactive', to: 'active' } },
    ...moved,
  ];
};

const evolve = (device: Device, event: DeviceEvent): Device => {
  if (event.type === 'DeviceProvisioned') {
    const { name, deviceTypeId, appVersion, folder, tags, metadata } = event.data;
    const { serialNumber = null, position = null } = event.data;
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
      tokens: {},
      secrets: {},
    };
  }
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
    case 'DeviceSerialNumberChanged':
      return { ...device, serialNumber: event.data.to };
    case 'DevicePositionChanged':
      return { ...device, position: event.data.to };
    case 'DeviceMetadataChanged':
      return { ...device, metadata: withChanges(device.metadata, event.data.changes) };
    case 'EndpointTokenIssued':
      return { ...device, tokens: { ...device.tokens, [event.data.tokenId]: 'inactive' } };
    case 'EndpointTokenStatusChanged':
      return { ...device, tokens: { ...device.tokens, [event.data.tokenId]: event.data.to } };
    case 'CredentialIssued':
      return { ...device, secrets: { ...device.secrets, [event.data.credentialId]: 'active' } };
    case 'CredentialStatusChanged':
      return { ...device, secrets: { ...device.secrets, [event.data.credentialId]: event.data.to } };
    case 'DeviceDeleted':
      return { status: 'deleted', name: event.data.name };
  }
};

export const device: Aggregate<Device, DeviceCommand, DeviceEvent> = {
  name: 'device',
  // 2: interface and secrets. States of version 1 are folded again from their events.
  stateVersion: 2,
  initial: { status: 'none' },
  evolve,
  decide,
  upcast,
};

const tokenStatus = (of: ExistingDevice, tokenId: string): TokenStatus => {
  const status = Object.hasOwn(of.tokens, tokenId) ? of.tokens[tokenId] : undefined;
  if (status === undefined) throw new AppError('token-not-found', 'The device has no such token.');
  return status;
};
