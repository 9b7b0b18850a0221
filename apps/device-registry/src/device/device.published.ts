import type { JsonValue } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import {
  deviceChanged,
  deviceCredentialChanged,
  deviceDeleted,
  deviceErased,
  deviceProvisioned,
  deviceTokenChanged,
} from '@muster/contracts/device-registry/published';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { DeviceEvent } from './device.events.js';

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
  const token = (tokenId: string, status: TokenStatus): readonly Published[] => [
    { contract: deviceTokenChanged, entityId, data: { ...fact, tokenId, status } },
  ];
  const credential = (
    { credentialId, kind }: { readonly credentialId: string; readonly kind: 'secret' },
    status: CredentialStatus,
  ): readonly Published[] => [
    { contract: deviceCredentialChanged, entityId, data: { ...fact, credentialId, kind, status } },
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
      return token(event.data.tokenId, 'inactive');
    case 'EndpointTokenStatusChanged':
      return token(event.data.tokenId, event.data.to);
    case 'CredentialIssued':
      return credential(event.data, 'active');
    case 'CredentialStatusChanged':
      return credential(event.data, event.data.to);
    case 'EndpointTokenRemoved':
    case 'CredentialRemoved':
      return []; // that it opens nothing was told when it was revoked
    case 'DeviceDeleted':
      return [{ contract: deviceDeleted, entityId, data: fact }];
    case 'DeviceErased':
      return [{ contract: deviceErased, entityId, data: fact }];
  }
};
