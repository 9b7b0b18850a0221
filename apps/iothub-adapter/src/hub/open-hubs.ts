import type { Database } from '@muster/event-store';
import { HubRest } from '../azure/hub-rest.js';
import type { PolicyAccess } from './connection-string.js';
import type { HubKeys } from './hub-keys.js';
import { allHubs, type StoredHub } from './hubs.projection.js';

/** A hub that we can speak to. */
export interface OpenHub {
  readonly hub: StoredHub;
  readonly access: PolicyAccess;
  readonly rest: HubRest;
}

/** All hubs, ready to be spoken to; what is made for one is kept until the hub changes. */
export class OpenHubs {
  private readonly open = new Map<string, OpenHub>();

  constructor(
    private readonly database: Database,
    private readonly keys: HubKeys,
  ) {}

  /** As they are now. `unusable` is told of those whose key cannot be had. */
  async all(unusable: (hub: StoredHub, error: unknown) => void): Promise<readonly OpenHub[]> {
    const stored = await allHubs(this.database);
    for (const id of this.open.keys()) if (!stored.some((hub) => hub.id === id)) this.open.delete(id);
    const opened: OpenHub[] = [];
    for (const hub of stored) {
      try {
        opened.push(await this.openOne(hub));
      } catch (error) {
        unusable(hub, error);
      }
    }
    return opened;
  }

  /** Undefined: there is no such hub, or its key cannot be had. */
  async one(hubId: string): Promise<OpenHub | undefined> {
    const all = await this.all(() => undefined);
    return all.find(({ hub }) => hub.id === hubId);
  }

  /**
   * Does `some` for each, side by side: one that is away does not hold up the others. True: of one of them there is more that may
   * be done at once.
   */
  async eachSome(
    some: (open: OpenHub) => Promise<boolean>,
    unusable: (hub: StoredHub, error: unknown) => void = () => undefined,
  ): Promise<boolean> {
    const done = await Promise.all((await this.all(unusable)).map(some));
    return done.includes(true);
  }

  private async openOne(hub: StoredHub): Promise<OpenHub> {
    const known = this.open.get(hub.id);
    if (known !== undefined && known.hub.version === hub.version) return known;
    const access = await this.keys.accessTo(this.database, hub);
    const opened = { hub, access, rest: new HubRest(access) };
    this.open.set(hub.id, opened);
    return opened;
  }
}
