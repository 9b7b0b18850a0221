import type { JsonValue } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import {
  deviceChanged,
  deviceCredentialChanged,
  deviceDeleted,
  deviceErased,
  deviceProvisioned,
  deviceStatusChanged,
  deviceTokenChanged,
} from '@muster/contracts/device-registry/published';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { Published, RecordedEvent } from '@muster/event-store';
import { phaseAt } from '../validity.js';
import type { DeviceEvent, IssuedKind } from './device.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfDevice = (event: RecordedEvent<DeviceEvent>): readonly Published[] => {
  const entityId = event.streamId;
  const fact = {
    deviceId: event.streamId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
  };
  const changed = (changes: Record<string, { from: JsonValue; to: JsonValue }>): readonly Published[] => [
    { contract: deviceChanged, entityId, data: { ...fact, changes } },
  ];
  /** `isOpen`: of its time and of what has been told of it before, where its status alone does not say. */
  const token = (
    { tokenId, validUntil }: { readonly tokenId: string; readonly validUntil?: string },
    status: TokenStatus,
    isOpen: boolean,
  ): readonly Published[] => [
    {
      contract: deviceTokenChanged,
      entityId,
      data: {
        ...fact,
        tokenId,
        status,
        opens: isOpen && (status === 'inactive' || status === 'active'),
        ...(validUntil === undefined ? {} : { validUntil }),
      },
    },
  ];
  const credential = (
    { credentialId, kind }: { readonly credentialId: string; readonly kind: IssuedKind },
    status: CredentialStatus,
    opens: boolean,
    validUntil?: string,
  ): readonly Published[] => [
    {
      contract: deviceCredentialChanged,
      entityId,
      data: {
        ...fact,
        credentialId,
        kind,
        status,
        opens,
        ...(validUntil === undefined ? {} : { validUntil }),
      },
    },
  ];
  switch (event.type) {
    case 'DeviceProvisioned': {
      const { name, deviceTypeId, deviceType, appVersion, folder, tags, metadata } = event.data;
      const told = { name, deviceTypeId, deviceType, appVersion, interface: event.data.interface, folder };
      return [
        { contract: deviceProvisioned, entityId, data: { ...fact, ...told, tags: [...tags], metadata } },
      ];
    }
    case 'DeviceRenamed':
      return changed({ name: event.data });
    case 'DeviceMoved':
      return changed({ folder: event.data });
    case 'DeviceRetagged':
      return changed({ tags: { from: [...event.data.from], to: [...event.data.to] } });
    case 'DeviceAppVersionChanged':
      return changed({ appVersion: event.data });
    case 'DeviceInterfaceChanged':
      return changed({ interface: event.data });
    case 'DeviceSerialNumberChanged':
      return changed({ serialNumber: event.data });
    case 'DevicePositionChanged': {
      const { from, to } = event.data;
      return changed({ position: { from: from && { ...from }, to: to && { ...to } } });
    }
    case 'DeviceParentChanged':
      return changed({ parentId: event.data });
    case 'DeviceMetadataChanged': {
      const entries = Object.entries(event.data.changes);
      return changed(
        Object.fromEntries(
          entries.map(([key, { from = null, to = null }]) => [`metadata.${key}`, { from, to }]),
        ),
      );
    }
    case 'EndpointTokenIssued':
      return token(event.data, 'inactive', phaseAt(event.data, event.data.issuedAt) === 'within');
    case 'EndpointTokenStatusChanged':
      return token(event.data, event.data.to, true);
    case 'EndpointTokenValidityChanged': {
      const { tokenId, status, to, changedAt } = event.data;
      return token({ tokenId, ...to }, status, phaseAt(to, changedAt) === 'within');
    }
    case 'EndpointTokenBegan':
      return token(event.data, event.data.status, true);
    case 'EndpointTokenExpired':
      return token(event.data, event.data.status, false);
    case 'CredentialIssued': {
      const { status = 'active', issuedAt, validUntil } = event.data;
      const opens = status === 'active' && phaseAt(event.data, issuedAt) === 'within';
      return credential(event.data, status, opens, validUntil);
    }
    case 'CredentialStatusChanged': {
      const { to, opens = to === 'active' } = event.data;
      return credential(event.data, to, opens);
    }
    case 'CredentialValidityChanged': {
      const { status, to, changedAt } = event.data;
      const opens = status === 'active' && phaseAt(to, changedAt) === 'within';
      return credential(event.data, status, opens, to.validUntil);
    }
    case 'CredentialBegan':
      return credential(event.data, event.data.status, event.data.status === 'active', event.data.validUntil);
    case 'CredentialExpired':
      return credential(event.data, event.data.status, false, event.data.validUntil);
    case 'DeviceStandingChanged': {
      const { to: status } = event.data;
      return [
        { contract: deviceStatusChanged, entityId, data: { ...fact, status, opens: status === 'active' } },
      ];
    }
    case 'DeviceTokenOnlyChanged':
      return changed({ tokenOnly: event.data });
    case 'EndpointTokenRemoved':
    case 'CredentialRemoved':
      return []; // that it opens nothing was told when it was revoked
    case 'DeviceDeleted':
      return [{ contract: deviceDeleted, entityId, data: fact }];
    case 'DeviceErased':
      return [{ contract: deviceErased, entityId, data: fact }];
  }
};
