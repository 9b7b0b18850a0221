import type { HubHealth, HubRoute } from '@muster/contracts/iothub-adapter/hubs.requests';
import type { Database } from '@muster/event-store';
import type { HubRoutes } from './hub-routes.js';
import type { StoredHub } from './hubs.projection.js';

/** What is known of a hub without asking it, as the database has it. */
export interface HealthFacts {
  readonly now: Date;
  readonly addedAt: Date;
  /** When a replica renewed its claim to a partition, for which the hub must have answered; undefined: none ever did. */
  readonly readAt: Date | undefined;
  /** Who has to wait has his turn by then; undefined: nobody has to. */
  readonly limitedUntil: Date | undefined;
  /** Devices for which something is to be made, changed or removed in the hub, or that are to be told something. */
  readonly waiting: number;
  /** Identities that the hub has not taken, and what it has said of the last of them. */
  readonly refused: number;
  readonly fault: string | undefined;
  readonly routes: readonly HubRoute[];
}

/** The worst that is known of it. `silentSeconds`: a reader that does its work is never silent for so long. Pure. */
export const judgeHealth = (facts: HealthFacts, silentSeconds: number): HubHealth => {
  const { now, addedAt, readAt, limitedUntil, waiting, refused, fault, routes } = facts;
  const silentSince = readAt ?? addedAt;
  const missing = routes.filter(({ state }) => state === 'missing');
  if (now.getTime() - silentSince.getTime() > silentSeconds * 1_000)
    return {
      state: 'away',
      waiting,
      since: silentSince.toISOString(),
      message: `its events are not read: it does not answer, or does not let us in${fault === undefined ? '' : `; it was said last: ${fault}`}`,
    };
  if (refused > 0)
    return {
      state: 'refusing',
      waiting,
      message: `it has not taken ${refused} of its devices, which are tried again; it was said last: ${fault ?? 'nothing'}`,
    };
  if (missing.length > 0)
    return { state: 'incomplete', waiting, message: missing.map(({ message }) => message).join('; ') };
  if (limitedUntil !== undefined)
    return {
      state: 'limited',
      waiting,
      until: limitedUntil.toISOString(),
      message: 'it may not be asked as often as there is something for it',
    };
  return { state: readAt === undefined ? 'unknown' : 'works', waiting };
};

interface Row {
  id: string;
  now: Date;
  read_at: Date | null;
  limited_until: Date | null;
  waiting: number;
  refused: number;
  fault: string | null;
}

/** Readers renew their claims six times within one; a hub that is slow once is not away. */
const SILENT_CLAIMS = 2;

/** How hubs are, the same for all replicas: no hub is asked. */
export class HubHealths {
  constructor(
    private readonly database: Database,
    private readonly routes: HubRoutes,
    private readonly claimSeconds: number,
  ) {}

  async of(hubs: readonly StoredHub[]): Promise<HubHealth[]> {
    const { rows } = await this.database.query<Row>({
      text: `SELECT h.id, now() AS now,
               (SELECT max(owned_at) FROM hub_partitions WHERE hub_id = h.id) AS read_at,
               (SELECT max(greatest(at, queue_ends_at)) FROM hub_budgets
                WHERE hub_id = h.id AND greatest(at, queue_ends_at) > clock_timestamp()) AS limited_until,
               (SELECT count(DISTINCT device_id)::integer FROM (
                  SELECT device_id FROM hub_identities WHERE hub_id = h.id AND due_at IS NOT NULL
                  UNION ALL
                  SELECT device_id FROM hub_owed_offers WHERE hub_id = h.id AND limited_by IS NOT NULL
                  UNION ALL
                  SELECT o.device_id FROM hub_owed_offers o JOIN hub_identities i USING (device_id)
                  WHERE o.limited_by IS NULL AND i.hub_id = h.id) w) AS waiting,
               (SELECT count(*)::integer FROM hub_identities
                WHERE hub_id = h.id AND due_at IS NOT NULL AND fault IS NOT NULL) AS refused,
               (SELECT fault FROM hub_identities WHERE hub_id = h.id AND due_at IS NOT NULL AND fault IS NOT NULL
                ORDER BY fault_at DESC LIMIT 1) AS fault
             FROM unnest($1::text[]) AS h (id)`,
      values: [hubs.map(({ id }) => id)],
    });
    const known = new Map(rows.map((row) => [row.id, row]));
    return Promise.all(
      hubs.map(async ({ id, createdAt }) => {
        const row = known.get(id);
        return judgeHealth(
          {
            now: row?.now ?? new Date(),
            addedAt: new Date(createdAt),
            readAt: row?.read_at ?? undefined,
            limitedUntil: row?.limited_until ?? undefined,
            waiting: row?.waiting ?? 0,
            refused: row?.refused ?? 0,
            fault: row?.fault ?? undefined,
            routes: await this.routes.of(id),
          },
          this.claimSeconds * SILENT_CLAIMS,
        );
      }),
    );
  }
}
