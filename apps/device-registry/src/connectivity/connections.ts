import type {
  ConnectionTransport,
  DisconnectReason,
  EndReason,
  ProtocolVersion,
} from '@muster/contracts/device-registry/connectivity.requests';

/** A device among all tenants: a door serves them all. */
export interface DeviceKey {
  readonly tenantId: string;
  readonly deviceId: string;
}

/** How a connection began, and whose it is. */
export interface Opening extends DeviceKey {
  /** ISO. */
  readonly at: string;
  readonly clientId: string;
  readonly transport: ConnectionTransport;
  readonly protocol: ProtocolVersion;
  readonly address: string | null;
}

export interface Connection {
  readonly connection: string;
  /** The life of a door that holds it. */
  readonly door: string;
  /** Null: not told yet. */
  readonly opening: Opening | null;
  /** Null: not over, as far as anybody knows. */
  readonly end: { readonly at: string; readonly reason: EndReason } | null;
}

export interface Link extends DeviceKey {
  readonly connection: string;
}

export type Report =
  | ({ readonly kind: 'opened'; readonly connection: string } & Opening)
  | ({ readonly kind: 'used'; readonly at: string } & Link)
  | {
      readonly kind: 'closed';
      readonly connection: string;
      readonly at: string;
      readonly reason: DisconnectReason;
    }
  /** The door is gone, as far as anybody knows. */
  | { readonly kind: 'lost'; readonly connection: string; readonly at: string };

/** A device became connected by a connection, or is not any more because its last one ended. */
export type Turn = DeviceKey & { readonly at: string } & (
    | { readonly connected: true; readonly since: string; readonly clientId: string }
    | { readonly connected: false; readonly reason: EndReason }
  );

/** One of a device's connections is over. */
export interface Ended extends DeviceKey {
  readonly at: string;
  readonly reason: EndReason;
  readonly clientId: string;
}

/** What is known of all that the reports name. */
export interface Known {
  readonly connections: readonly Connection[];
  /** Of these connections, and all others of the devices that those and the reports name. */
  readonly links: readonly Link[];
  /** Of the links those whose connection is open. */
  readonly open: ReadonlySet<string>;
}

export const keyOf = ({ tenantId, deviceId }: DeviceKey): string => `${tenantId}\n${deviceId}`;

/**
 * What reports about connections make of devices: a device is connected while a connection is open that is its own or has used
 * it. Pure. Order and repetition do not matter, because nothing that is told is ever taken back: an opening, a use or an end that is
 * known changes nothing, an end is kept for an opening that comes later, and so is a use. The one exception is an end by the
 * loss of a door, which nobody saw: it is taken back when another life of the door tells of the connection, unless the door
 * has said meanwhile how it ended.
 */
export class Connections {
  readonly turns: Turn[] = [];
  readonly ended: Ended[] = [];

  private readonly connections = new Map<string, Connection>();
  private readonly devicesOf = new Map<string, Map<string, DeviceKey>>();
  /** Device → its open connections. */
  private readonly openOf = new Map<string, Set<string>>();
  private readonly touched = new Set<string>();
  private readonly linked: Link[] = [];

  constructor(known: Known) {
    for (const one of known.connections) this.connections.set(one.connection, one);
    for (const link of known.links) {
      this.put(link);
      if (known.open.has(link.connection)) this.countOf(link).add(link.connection);
    }
  }

  apply(report: Report, door: string): void {
    switch (report.kind) {
      case 'opened':
        this.opened(report, door);
        break;
      case 'used':
        this.used(report, door);
        break;
      case 'closed':
        this.closed(report, door);
        break;
      case 'lost': {
        const known = this.connections.get(report.connection);
        if (known !== undefined && isOpen(known)) this.finish(known, { at: report.at, reason: 'door-lost' });
      }
    }
  }

  /** As they are at the end. */
  changed(): Connection[] {
    return [...this.touched].flatMap((connection) => this.connections.get(connection) ?? []);
  }

  /** New links of connections that are not over. */
  newLinks(): Link[] {
    return this.linked.filter(({ connection }) => this.connections.get(connection)?.end === null);
  }

  private opened(report: Extract<Report, { kind: 'opened' }>, door: string): void {
    const { connection } = report;
    const opening = openingOf(report);
    const known = this.connections.get(connection);
    const isLost = known?.end?.reason === 'door-lost' && known.door !== door;
    if (known !== undefined && known.opening !== null && !isLost) {
      // Told anew by the next life of its door, before anybody noticed the end of the one before.
      if (isOpen(known) && known.door !== door) this.change({ ...known, door });
      return;
    }
    const end = isLost ? null : (known?.end ?? null);
    this.change({ connection, door, opening, end });
    if (end !== null) {
      this.ended.push({ ...deviceOf(opening), ...end, clientId: opening.clientId });
      return;
    }
    this.link({ connection, ...deviceOf(opening) });
    for (const device of this.devicesOf.get(connection)?.values() ?? []) {
      this.enter(connection, device, opening, opening.at);
    }
  }

  private used({ connection, at, ...device }: Extract<Report, { kind: 'used' }>, door: string): void {
    const known = this.connections.get(connection);
    if (known !== undefined && known.end !== null) return;
    if (known === undefined) this.change({ connection, door, opening: null, end: null });
    this.link({ connection, ...deviceOf(device) });
    if (known !== undefined && known.opening !== null)
      this.enter(connection, deviceOf(device), known.opening, at);
  }

  private closed({ connection, at, reason }: Extract<Report, { kind: 'closed' }>, door: string): void {
    const known = this.connections.get(connection);
    if (known === undefined || known.opening === null) {
      if (known?.end == null) this.change({ connection, door, opening: null, end: { at, reason } });
    } else if (known.end === null) this.finish(known, { at, reason });
    // Of its devices is told already; it will not be open again.
    else if (known.end.reason === 'door-lost') this.change({ ...known, end: { ...known.end, reason } });
  }

  private finish(known: Connection, end: { readonly at: string; readonly reason: EndReason }): void {
    const { connection, opening } = known;
    this.change({ ...known, end });
    for (const device of this.devicesOf.get(connection)?.values() ?? []) {
      this.ended.push({ ...device, ...end, clientId: opening?.clientId ?? '' });
      const open = this.countOf(device);
      if (open.delete(connection) && open.size === 0)
        this.turns.push({ ...device, ...end, connected: false });
    }
    this.devicesOf.delete(connection);
  }

  private enter(connection: string, device: DeviceKey, opening: Opening, at: string): void {
    const open = this.countOf(device);
    if (open.has(connection)) return;
    open.add(connection);
    if (open.size > 1) return;
    this.turns.push({ ...device, connected: true, at, since: opening.at, clientId: opening.clientId });
  }

  private change(connection: Connection): void {
    this.connections.set(connection.connection, connection);
    this.touched.add(connection.connection);
  }

  private link(link: Link): void {
    if (this.devicesOf.get(link.connection)?.has(keyOf(link)) === true) return;
    this.put(link);
    this.linked.push(link);
  }

  private put(link: Link): void {
    const devices = this.devicesOf.get(link.connection) ?? new Map<string, DeviceKey>();
    this.devicesOf.set(link.connection, devices.set(keyOf(link), deviceOf(link)));
  }

  private countOf(device: DeviceKey): Set<string> {
    const open = this.openOf.get(keyOf(device)) ?? new Set<string>();
    this.openOf.set(keyOf(device), open);
    return open;
  }
}

const openingOf = ({ tenantId, deviceId, at, clientId, transport, protocol, address }: Opening): Opening => ({
  tenantId,
  deviceId,
  at,
  clientId,
  transport,
  protocol,
  address,
});

const isOpen = ({ opening, end }: Connection): boolean => opening !== null && end === null;

const deviceOf = ({ tenantId, deviceId }: DeviceKey): DeviceKey => ({ tenantId, deviceId });
