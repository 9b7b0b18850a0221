import type { ErrorCode } from '@muster/contracts';
import type {
  FindingKind,
  FindingOutcome,
  HubFinding,
} from '@muster/contracts/iothub-adapter/reconcile.requests';
import type { Database, Queryable } from '@muster/event-store';
import type { FoundIdentity } from '../azure/hub-identities.js';
import { PROBE_PREFIX } from '../hub/probe.js';
import type { StoredHub } from '../hub/hubs.projection.js';

type Hub = Pick<StoredHub, 'tenantId' | 'id'>;

interface Walk {
  readonly hub: Hub;
  readonly jobId: string;
  /** When it began, ISO: what was changed since then is not judged by what was seen before. */
  readonly since: string;
}

/** What became of one. */
export interface Settled {
  readonly outcome: FindingOutcome;
  readonly code?: ErrorCode;
  readonly detail?: string;
}

export interface OpenFinding {
  readonly hubDeviceId: string;
  readonly finding: FindingKind;
  readonly asked: boolean;
  readonly outcome: FindingOutcome;
  readonly code?: ErrorCode;
  readonly detail?: string;
}

interface FindingRow {
  hub_device_id: string;
  finding: FindingKind;
  device_id: string | null;
  job_id: string | null;
  outcome: FindingOutcome;
  code: ErrorCode | null;
  detail: string | null;
  at: Date;
  asked: boolean;
}

/** An identity that the rule for enrolment is to be held against. */
export interface ClaimedStranger {
  readonly hubDeviceId: string;
  /** How often that was tried. */
  readonly attempts: number;
  /** By when it must be done; told back, to see whether the rule has changed meanwhile. */
  readonly claim: string;
}

/** Longer than a call of a hub and one of the registry. */
const LEASE_SECONDS = 60;

/** What hubs have and we have not, and the other way round. */
export class Findings {
  constructor(private readonly database: Database) {}

  /** Notes what a walk has seen; again: nothing more. */
  async see({ hub, jobId }: Walk, found: readonly FoundIdentity[]): Promise<void> {
    await this.database.query(
      `INSERT INTO hub_seen (hub_id, job_id, hub_device_id, found)
       SELECT $1, $2, s.id, s.found FROM unnest($3::text[], $4::jsonb[]) AS s (id, found)
       ON CONFLICT (hub_id, job_id, hub_device_id) DO UPDATE SET found = excluded.found`,
      [hub.id, jobId, found.map(({ id }) => id), found.map(({ identity }) => JSON.stringify(identity))],
    );
  }

  /**
   * Makes findings of what a walk has seen and what is known to be there, in the place of those of the walk before. What the
   * ledger has still to do, or has done since the walk began, is none.
   */
  async compare({ hub, jobId, since }: Walk): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(
        `DELETE FROM hub_findings WHERE hub_id = $1 AND job_id IS DISTINCT FROM $2 AND due_at IS NULL AND at < $3`,
        [hub.id, jobId, since],
      );
      await tx.query(
        `INSERT INTO hub_findings AS f (tenant_id, hub_id, hub_device_id, finding, device_id, job_id)
         SELECT $4, $1, coalesce(s.hub_device_id, i.hub_device_id),
           CASE WHEN i.hub_device_id IS NULL THEN 'unknown' WHEN s.hub_device_id IS NULL THEN 'missing' ELSE 'different' END,
           i.device_id, $2
         FROM (SELECT * FROM hub_seen WHERE hub_id = $1 AND job_id = $2) s
         FULL JOIN (SELECT * FROM hub_identities WHERE hub_id = $1) i ON i.hub_device_id = s.hub_device_id
         WHERE CASE WHEN i.hub_device_id IS NULL THEN NOT starts_with(s.hub_device_id, $5)
           ELSE i.made IS NOT NULL AND i.wanted IS NOT NULL AND i.due_at IS NULL AND i.fault IS NULL
             AND coalesce(i.made_at < $3, true) AND i.made IS DISTINCT FROM s.found END
         ON CONFLICT (hub_id, hub_device_id) DO UPDATE SET finding = excluded.finding, device_id = excluded.device_id,
           job_id = excluded.job_id, outcome = 'open', code = NULL, detail = NULL, at = now(), asked = false, due_at = NULL,
           attempts = 0
         WHERE f.job_id IS DISTINCT FROM excluded.job_id`,
        [hub.id, jobId, since, hub.tenantId, PROBE_PREFIX],
      );
      await tx.query('DELETE FROM hub_seen WHERE hub_id = $1', [hub.id]);
    });
  }

  /** Ids in the hub, in order. */
  async ofJob({ hub, jobId }: Pick<Walk, 'hub' | 'jobId'>, after: string, limit: number): Promise<string[]> {
    const { rows } = await this.database.query<{ hub_device_id: string }>({
      text: `SELECT hub_device_id FROM hub_findings WHERE hub_id = $1 AND job_id = $2 AND hub_device_id > $3
             ORDER BY hub_device_id LIMIT $4`,
      values: [hub.id, jobId, after, limit],
    });
    return rows.map((row) => row.hub_device_id);
  }

  async these(
    from: Queryable,
    { hub, jobId }: Pick<Walk, 'hub' | 'jobId'>,
    hubDeviceIds: readonly string[],
  ): Promise<OpenFinding[]> {
    const { rows } = await from.query<FindingRow>({
      text: 'SELECT * FROM hub_findings WHERE hub_id = $1 AND job_id = $2 AND hub_device_id = ANY($3)',
      values: [hub.id, jobId, hubDeviceIds],
    });
    return rows.map((row) => ({
      hubDeviceId: row.hub_device_id,
      finding: row.finding,
      asked: row.asked,
      outcome: row.outcome,
      ...(row.code === null ? {} : { code: row.code }),
      ...(row.detail === null ? {} : { detail: row.detail }),
    }));
  }

  async settle(at: Queryable, { id }: Pick<Hub, 'id'>, hubDeviceId: string, settled: Settled): Promise<void> {
    await at.query({
      text: `UPDATE hub_findings SET outcome = $3, code = $4, detail = $5, due_at = NULL, attempts = 0
             WHERE hub_id = $1 AND hub_device_id = $2`,
      values: [id, hubDeviceId, settled.outcome, settled.code ?? null, settled.detail ?? null],
    });
  }

  /** The same of a stranger; no more where the rule has changed since it was claimed: it is held anew then. */
  async judged(
    { id }: Pick<Hub, 'id'>,
    { hubDeviceId, claim }: ClaimedStranger,
    settled: Settled,
  ): Promise<void> {
    await this.database.query({
      text: `UPDATE hub_findings SET outcome = $4, code = $5, detail = $6, due_at = NULL, attempts = 0
             WHERE hub_id = $1 AND hub_device_id = $2 AND due_at = $3::timestamptz`,
      values: [id, hubDeviceId, claim, settled.outcome, settled.code ?? null, settled.detail ?? null],
    });
  }

  /** A hub has told of an identity that nobody here has: the rule for enrolment is held against it. Again: once more. */
  async stranger({ tenantId, id }: Hub, hubDeviceId: string): Promise<void> {
    await this.database.query({
      text: `INSERT INTO hub_findings (tenant_id, hub_id, hub_device_id, finding, due_at) VALUES ($1, $2, $3, 'unknown', now())
             ON CONFLICT (hub_id, hub_device_id) DO UPDATE SET finding = 'unknown', device_id = NULL, job_id = NULL,
               outcome = 'open', code = NULL, detail = NULL, at = now(), due_at = now(), attempts = 0`,
      values: [tenantId, id, hubDeviceId],
    });
  }

  /** A hub has told that it has an identity no more. */
  async goneThere({ id }: Pick<Hub, 'id'>, hubDeviceId: string): Promise<void> {
    await this.database.query({
      text: `DELETE FROM hub_findings
             WHERE hub_id = $1 AND hub_device_id = $2 AND finding = 'unknown' AND outcome <> 'removed'`,
      values: [id, hubDeviceId],
    });
  }

  /** The rule for enrolment is held anew against all who were not taken. */
  async tryAgain(tx: Queryable, hubId: string): Promise<void> {
    await tx.query({
      text: `UPDATE hub_findings SET due_at = now(), attempts = 0
             WHERE hub_id = $1 AND finding = 'unknown' AND outcome IN ('open', 'refused')`,
      values: [hubId],
    });
  }

  /** Some identities that the rule is to be held against now, for whoever calls alone. */
  async claimStrangers(hubId: string, most: number): Promise<ClaimedStranger[]> {
    const { rows } = await this.database.query<{ hub_device_id: string; attempts: number; claim: string }>({
      text: `UPDATE hub_findings f SET due_at = now() + $3 * interval '1 second'
             FROM (SELECT hub_id, hub_device_id FROM hub_findings WHERE hub_id = $1 AND due_at <= now()
                   ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
             WHERE f.hub_id = due.hub_id AND f.hub_device_id = due.hub_device_id
             RETURNING f.hub_device_id, f.attempts, f.due_at::text AS claim`,
      values: [hubId, most, LEASE_SECONDS],
    });
    return rows.map(({ hub_device_id: hubDeviceId, ...more }) => ({ hubDeviceId, ...more }));
  }

  /** It could not be decided now. */
  async later(hubId: string, { hubDeviceId, claim }: ClaimedStranger, seconds: number): Promise<void> {
    await this.database.query({
      text: `UPDATE hub_findings SET due_at = now() + $3 * interval '1 second', attempts = attempts + 1
             WHERE hub_id = $1 AND hub_device_id = $2 AND due_at = $4::timestamptz`,
      values: [hubId, hubDeviceId, seconds, claim],
    });
  }

  /** There is nothing to be found any more. */
  async drop(at: Queryable, { id }: Pick<Hub, 'id'>, hubDeviceId: string): Promise<void> {
    await at.query({
      text: 'DELETE FROM hub_findings WHERE hub_id = $1 AND hub_device_id = $2',
      values: [id, hubDeviceId],
    });
  }

  async list(
    { id }: Pick<Hub, 'id'>,
    which: {
      readonly finding: FindingKind | undefined;
      readonly outcome: FindingOutcome | undefined;
      readonly after: string | undefined;
      readonly limit: number;
    },
  ): Promise<HubFinding[]> {
    const { rows } = await this.database.query<FindingRow>({
      text: `SELECT * FROM hub_findings WHERE hub_id = $1 AND ($2::text IS NULL OR finding = $2)
               AND ($3::text IS NULL OR outcome = $3) AND ($4::text IS NULL OR hub_device_id > $4 COLLATE "C")
             ORDER BY hub_device_id LIMIT $5`,
      values: [id, which.finding ?? null, which.outcome ?? null, which.after ?? null, which.limit],
    });
    return rows.map((row) => ({
      hubDeviceId: row.hub_device_id,
      finding: row.finding,
      ...(row.device_id === null ? {} : { deviceId: row.device_id }),
      outcome: row.outcome,
      ...(row.code === null ? {} : { code: row.code }),
      ...(row.detail === null ? {} : { detail: row.detail }),
      ...(row.job_id === null ? {} : { jobId: row.job_id }),
      at: row.at.toISOString(),
    }));
  }

  async count(
    { id }: Pick<Hub, 'id'>,
    {
      finding,
      outcome,
    }: { readonly finding: FindingKind | undefined; readonly outcome: FindingOutcome | undefined },
  ): Promise<number> {
    const { rows } = await this.database.query<{ n: number }>({
      text: `SELECT count(*)::integer AS n FROM hub_findings WHERE hub_id = $1 AND ($2::text IS NULL OR finding = $2)
               AND ($3::text IS NULL OR outcome = $3)`,
      values: [id, finding ?? null, outcome ?? null],
    });
    return rows[0]?.n ?? 0;
  }
}
