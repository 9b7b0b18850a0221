/** A device among all tenants: connections know no tenant. */
export interface DeviceKey {
  readonly tenantId: string;
  readonly deviceId: string;
}

export interface Connection {
  readonly connection: string;
  readonly clientId: string;
  readonly broker: string;
  readonly incarnation: number;
  /** ISO; null: open. */
  readonly closedAt: string | null;
}

/** A client has used a token of a device. */
export interface Use extends DeviceKey {
  readonly clientId: string;
}

export type Report =
  | ({ readonly kind: 'opened'; readonly at: string } & Omit<Connection, 'closedAt'>)
  | ({ readonly kind: 'used'; readonly at: string } & Use)
  | { readonly kind: 'closed'; readonly at: string; readonly connection: string };

/** A device became connected, or is not any more. */
export interface Transition extends DeviceKey {
  readonly connected: boolean;
  readonly at: string;
}

/** What is known of all that the reports name; connections of a client from the oldest to the newest. */
export interface Known {
  readonly connections: readonly Connection[];
  readonly links: readonly ({ readonly connection: string } & DeviceKey)[];
  /** What clients used a moment ago. */
  readonly recentUses: readonly Use[];
}

const keyOf = ({ tenantId, deviceId }: DeviceKey): string => `${tenantId}\n${deviceId}`;

/**
 * What reports about connections make of devices: a device is connected while a connection is open that has used it. Pure
 * and idempotent: an opening that is known, an end that is known, a use that is linked change nothing.
 *
 * The broker tells of a connection beside the way on which its client asks for its first topic, so either report may be the
 * first, by as much as the broker lags behind in telling. Hence `recentUses`: what its client used within the last seconds
 * belongs to a connection that is just being told of. If that was an earlier connection of the same client id, the device
 * is connected from its connection on instead of from its first topic.
 */
export class Presence {
  private readonly connections = new Map<string, Connection>();
  private readonly links = new Map<string, Map<string, DeviceKey>>();
  private readonly openOf = new Map<string, Set<string>>();
  private readonly usesOf = new Map<string, Map<string, Use>>();

  private readonly ofClient = new Map<string, string[]>();
  private readonly touched = new Set<string>();
  private readonly linked: ({ readonly connection: string } & DeviceKey)[] = [];

  readonly used = new Map<string, Use>();
  readonly transitions: Transition[] = [];

  constructor(known: Known) {
    for (const one of known.connections) this.add(one);
    for (const { connection, ...device } of known.links) this.put(connection, device);
    for (const use of known.recentUses) this.note(use);
  }

  apply(report: Report): void {
    switch (report.kind) {
      case 'opened': {
        if (this.connections.has(report.connection)) return;
        const { connection, clientId, broker, incarnation } = report;
        const opened = { connection, clientId, broker, incarnation, closedAt: null };
        this.add(opened);
        this.touched.add(connection);
        for (const use of this.usesOf.get(clientId)?.values() ?? []) this.link(connection, use, report.at);
        return;
      }
      case 'used': {
        const use = { clientId: report.clientId, tenantId: report.tenantId, deviceId: report.deviceId };
        this.note(use);
        this.used.set(`${use.clientId}\n${keyOf(use)}`, use);
        const newest = this.ofClient
          .get(use.clientId)
          ?.findLast((connection) => this.connections.get(connection)?.closedAt === null);
        if (newest !== undefined) this.link(newest, use, report.at);
        return;
      }
      case 'closed': {
        const known = this.connections.get(report.connection);
        if (known?.closedAt !== null) return;
        this.connections.set(report.connection, { ...known, closedAt: report.at });
        this.touched.add(report.connection);
        for (const device of this.links.get(report.connection)?.values() ?? []) {
          const open = this.openOf.get(keyOf(device));
          open?.delete(report.connection);
          if (open?.size === 0) this.turn(device, false, report.at);
        }
        this.links.delete(report.connection);
      }
    }
  }

  /** Connections that were opened or closed, as they are at the end. */
  changedConnections(): Connection[] {
    return [...this.touched].flatMap((connection) => this.connections.get(connection) ?? []);
  }

  /** New links of connections that are still open. */
  newLinks(): ({ readonly connection: string } & DeviceKey)[] {
    return this.linked.filter(({ connection }) => this.connections.get(connection)?.closedAt === null);
  }

  private add(one: Connection): void {
    this.connections.set(one.connection, one);
    const ofClient = this.ofClient.get(one.clientId);
    if (ofClient === undefined) this.ofClient.set(one.clientId, [one.connection]);
    else ofClient.push(one.connection);
  }

  private link(connection: string, { tenantId, deviceId }: DeviceKey, at: string): void {
    const device = { tenantId, deviceId };
    if (this.links.get(connection)?.has(keyOf(device)) === true) return;
    const others = this.openOf.get(keyOf(device))?.size ?? 0;
    this.put(connection, device);
    this.linked.push({ connection, ...device });
    if (others === 0) this.turn(device, true, at);
  }

  private put(connection: string, device: DeviceKey): void {
    const devices = this.links.get(connection) ?? new Map<string, DeviceKey>();
    this.links.set(connection, devices.set(keyOf(device), device));
    const open = this.openOf.get(keyOf(device)) ?? new Set<string>();
    this.openOf.set(keyOf(device), open.add(connection));
  }

  private note(use: Use): void {
    const uses = this.usesOf.get(use.clientId) ?? new Map<string, Use>();
    this.usesOf.set(use.clientId, uses.set(keyOf(use), use));
  }

  private turn({ tenantId, deviceId }: DeviceKey, connected: boolean, at: string): void {
    this.transitions.push({ tenantId, deviceId, connected, at });
  }
}
