import type { StoredHub } from '../hub/hubs.projection.js';
import { tokenHint } from '@muster/uplink';
import type { HubEvent } from './hub-event.js';

/** Under what events of hubs are parked. */
export const PARKED_EVENTS = 'iothub-adapter-events';

type Shown = {
  readonly subject: string;
  readonly shownSubject: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

/** An event as it is set aside: what the device sent as it is, all else as JSON. */
export const asParked = ({ id, name }: Pick<StoredHub, 'id' | 'name'>, event: HubEvent): Shown => {
  const { kind, hubDeviceId, arrivedAt } = event;
  return {
    subject: [id, hubDeviceId].join('/'),
    shownSubject: [name, kind, tokenHint(hubDeviceId)].join('/'),
    payload: event.kind === 'message' ? event.payload : Buffer.from(JSON.stringify(event)),
    headers: {
      kind,
      'arrived-at': String(arrivedAt),
      ...(event.kind === 'message' ? { resource: event.resource } : {}),
    },
  };
};

/** The same back, and whose it is. Undefined: it was not parked here. */
export const readParked = (
  subject: string,
  payload: Buffer,
  headers: Readonly<Record<string, string>>,
): { readonly hubId: string; readonly event: HubEvent } | undefined => {
  const [hubId, hubDeviceId] = subject.split('/');
  if (hubId === undefined || hubDeviceId === undefined) return undefined;
  if (headers['kind'] !== 'message') {
    return { hubId, event: JSON.parse(payload.toString('utf8')) as HubEvent }; // written by asParked
  }
  const { 'arrived-at': arrivedAt, resource } = headers;
  if (arrivedAt === undefined || resource === undefined) return undefined;
  return {
    hubId,
    event: { kind: 'message', hubDeviceId, arrivedAt: Number(arrivedAt), payload, resource },
  };
};
