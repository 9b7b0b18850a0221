import type { Schema } from '../api/client.js';
import type { ConnectionState } from '../shared/state-mark.js';

/** What says of a device that it is connected so. Of each other's devices none of them has any. */
export const CONNECTION_FILTERS: Readonly<Record<ConnectionState, string>> = {
  online: 'connected==true',
  offline: 'connected==false;lastSeenAt=exists=true',
  no_connection: 'connected=exists=false;lastSeenAt=exists=true',
  never_seen: 'lastSeenAt=exists=false',
};

/** How many devices are connected so, in the order in which they are shown. */
export const connectionsOf = ({
  connectivity: { connected, disconnected, unknown, neverSeen },
}: Pick<Schema<'FleetSummary'>, 'connectivity'>): readonly (readonly [ConnectionState, number])[] => [
  ['online', connected],
  ['offline', disconnected],
  ['no_connection', unknown],
  ['never_seen', neverSeen],
];
