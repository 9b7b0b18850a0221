import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { ConnectionBounds } from '@muster/limits';
import type { Logger } from '@muster/observability';
import type { BoundedLog, Sightings } from '@muster/uplink';
import type { LimitFunction } from 'p-limit';
import type { Arrival } from '../arrival.js';
import type { BrokerNodes } from '../broker/broker-nodes.js';
import type { BrokerSession } from '../broker/broker-session.js';
import type { BrokerWatch } from '../broker/broker-watch.js';
import type { Identity } from '../login/identity.js';
import type { Login } from '../login/login.js';
import type { DisconnectReason, Presence } from '../presence/presence.js';
import type { BufferRoom } from './buffer-room.js';
import type { Clients } from './clients.js';
import type { DeviceAccess } from './device-access.js';
import type { Flow } from './flow.js';
import type { FrontMetrics } from './front-metrics.js';
import type { KeptSessions } from './kept-sessions.js';
import type { OtherFronts } from './other-fronts.js';
import type { Pace } from './pace.js';
import type { Wire } from './protocol.js';

export interface ClientOptions {
  readonly connectTimeoutMs: number;
  readonly packetTimeoutMs: number;
  readonly maxConnectBytes: number;
  readonly maxPacketBytes: number;
  readonly maxPayloadBytes: number;
  readonly filtersPerClient: number;
  readonly stampDuplicates: 'on' | 'off';
}

/** What all clients of a front share. */
export interface ClientParts {
  readonly options: ClientOptions;
  readonly login: Login;
  readonly presence: Presence;
  readonly access: DeviceAccess;
  readonly sightings: Pick<Sightings, 'note'>;
  readonly pace: Pace;
  readonly clients: Clients;
  readonly sessions: KeptSessions;
  readonly others: Pick<OtherFronts, 'tell'>;
  readonly room: BufferRoom;
  readonly broker: {
    readonly nodes: BrokerNodes;
    readonly watch: BrokerWatch;
    readonly inTurn: LimitFunction;
  };
  /** What a connection counts as, until it has shown who it is. */
  readonly bounds: Pick<ConnectionBounds, 'isExamined' | 'isStranger' | 'hasProved'>;
  /** Throws what is missing: nobody can be let in. */
  readonly checkReady: () => void;
  /** The time, in Unix microseconds; no two alike. */
  readonly arrival: () => number;
  readonly logger: Logger;
  readonly refusals: BoundedLog;
  readonly metrics: FrontMetrics;
}

/** A client, to what deals with its packets. */
export interface Speaker {
  readonly arrival: Arrival;
  readonly parts: ClientParts;
  readonly flow: Pick<Flow, 'write'>;
  readonly wire: Wire;
  readonly identity: Identity;
  readonly clientId: string;
  readonly device: { readonly tenantId: string; readonly deviceId: string } | undefined;
  readonly session: BrokerSession | undefined;
  /** What it is subscribed to; of a session that is kept also from before. */
  readonly filters: Set<string>;
  isEnded(): boolean;
  become(entry: AccessEntry): Promise<boolean>;
  uses(entry: AccessEntry, appVersion: string): void;
  subscribed(filters: readonly string[]): void;
  charge(units: number, device?: { readonly tenantId: string; readonly deviceId: string }): void;
  opensNothing(): void;
  cannotDecide(why: string): void;
  sendToBroker(bytes: Buffer): void;
  end(reason: DisconnectReason, why?: string, goodbye?: Buffer): void;
}
