import { Controller, Inject } from '@nestjs/common';
import type { BulkOutcome } from '@muster/contracts';
import {
  findAccess,
  listAccess,
  recordSightings,
  type AccessPage,
  type DeviceSighting,
  type FindAccess,
  type ListAccess,
  type RecordSightings,
} from '@muster/contracts/device-registry/access.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, encodeCursor, EVENT_STORE, TEXT } from '@muster/service-host';
import { knownAppVersions } from '../device-type/app-version-owner.js';
import { device } from '../device/device.decider.js';
import type { KnownAppVersion } from '../device/device-edit.js';
import { accessEntries, accessTypes, entriesAfter } from './access-tables.js';

/** At most 520 bytes an entry, with two secrets: a page of this many fits into one message of the bus (1 MB) with room for its types. */
const MAX_ENTRIES = 1_500;

/** What adapters need to let devices in, of all tenants: an adapter cannot know the tenant before it knows the token. */
@Controller()
export class AccessHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(listAccess)
  async list({ limit, cursor }: ListAccess): Promise<AccessPage> {
    const after = decodeCursor('access', cursor, [TEXT, TEXT]);
    const size = Math.min(limit, MAX_ENTRIES);
    const found = await entriesAfter(this.database, after, size + 1);
    const entries = found.slice(0, size);
    const last = entries.at(-1);
    return {
      entries,
      types: await accessTypes(this.database, [...new Set(entries.map((entry) => entry.deviceTypeId))]),
      nextCursor:
        found.length > size && last !== undefined
          ? encodeCursor('access', [last.tenantId, last.tokenId])
          : null,
    };
  }

  @Handles(findAccess)
  async find({ deviceIds, tokens, deviceTypeIds }: FindAccess): Promise<AccessPage> {
    const entries = await accessEntries(this.database, deviceIds ?? [], tokens ?? []);
    const types = new Set([...entries.map((entry) => entry.deviceTypeId), ...(deviceTypeIds ?? [])]);
    return { entries, types: await accessTypes(this.database, [...types]), nextCursor: null };
  }

  @Handles(recordSightings)
  async record({ sightings }: RecordSightings): Promise<BulkOutcome> {
    const appVersions = await this.appVersionsOf(sightings);
    const outcomes = await this.store.executeMany(
      device,
      sightings.map((sighting) => ({
        tenantId: sighting.tenantId,
        id: sighting.deviceId,
        metadata: { actor: { kind: 'device' as const, id: sighting.deviceId } },
        command: {
          type: 'RecordSighting' as const,
          tokenId: sighting.tokenId,
          appVersion:
            sighting.appVersion == null
              ? undefined
              : (appVersions.get(`${sighting.tenantId}\n${sighting.appVersion}`) ?? {
                  name: sighting.appVersion,
                  deviceTypeId: undefined,
                }),
        },
      })),
    );
    return {
      outcomes: outcomes.map(({ error }) =>
        error === undefined ? {} : { code: error.code, detail: error.detail },
      ),
    };
  }

  /** By tenant and name. One query per tenant; a batch rarely holds more than one. */
  private async appVersionsOf(sightings: readonly DeviceSighting[]): Promise<Map<string, KnownAppVersion>> {
    const known = new Map<string, KnownAppVersion>();
    for (const tenantId of new Set(sightings.map((sighting) => sighting.tenantId))) {
      const own = sightings.filter((sighting) => sighting.tenantId === tenantId);
      const names = [...new Set(own.flatMap(({ appVersion }) => appVersion ?? []))];
      for (const one of await knownAppVersions(this.database, tenantId, names)) {
        known.set(`${tenantId}\n${one.name}`, one);
      }
    }
    return known;
  }
}
