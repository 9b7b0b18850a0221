import { Controller, Inject } from '@nestjs/common';
import { AppError, newId, type Actor, type Done } from '@muster/contracts';
import {
  closeSession,
  openSession,
  useSession,
  type OpenSession,
  type SessionRef,
  type SessionView,
  type UseSession,
} from '@muster/contracts/identity/sessions.requests';
import { recordAct, type Database } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { SESSION_RULES } from '../providers.js';

export interface SessionRules {
  readonly idleSeconds: number;
  readonly mostSeconds: number;
  /** Of one actor. */
  readonly most: number;
}

interface Row {
  readonly id: string;
  readonly tenant_id: string;
  readonly actor: Actor;
  readonly opened_at: Date;
  readonly used_at: Date;
  readonly ends_at: Date;
}

const COLUMNS = 'id, tenant_id, actor, opened_at, used_at, ends_at';

/** A use is noted when it is so much of the idle time after the last one: not each request is a write. */
const NOTED_PART = 60;

/** By the clock of the database, so that all replicas agree. */
@Controller()
export class SessionHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(SESSION_RULES) private readonly rules: SessionRules,
  ) {}

  /** Those that have ended are removed here: who opens none has none to remove. */
  @Handles(openSession)
  async open({ tenantId, actor, digest }: OpenSession): Promise<SessionView> {
    const { idleSeconds, mostSeconds, most } = this.rules;
    return this.database.transaction(async (tx) => {
      await tx.query(
        'DELETE FROM sessions WHERE ends_at <= now() OR used_at <= now() - make_interval(secs => $1)',
        [idleSeconds],
      );
      await tx.query(
        `DELETE FROM sessions WHERE digest IN (
           SELECT digest FROM sessions WHERE tenant_id = $1 AND actor = $2 ORDER BY used_at DESC OFFSET $3)`,
        [tenantId, actor, most - 1],
      );
      const { rows } = await tx.query<Row>(
        `INSERT INTO sessions (digest, id, tenant_id, actor, opened_at, used_at, ends_at)
         VALUES (decode($1, 'hex'), $2, $3, $4, now(), now(), now() + make_interval(secs => $5))
         RETURNING ${COLUMNS}`,
        [digest, newId(), tenantId, actor, mostSeconds],
      );
      await recordAct(tx, {
        tenantId,
        aggregate: 'session',
        id: rows[0]?.id ?? '',
        type: 'SessionOpened',
        actor,
      });
      return this.viewOf(rows);
    });
  }

  @Handles(useSession)
  async use({ digest, quietly }: UseSession): Promise<SessionView> {
    const { idleSeconds } = this.rules;
    const { rows } = await this.database.query<Row & { readonly is_due: boolean }>(
      `SELECT ${COLUMNS}, used_at <= now() - make_interval(secs => $2) AS is_due FROM sessions
       WHERE digest = decode($1, 'hex') AND ends_at > now() AND used_at > now() - make_interval(secs => $3)`,
      [digest, idleSeconds / NOTED_PART, idleSeconds],
    );
    if (quietly === true || rows[0]?.is_due !== true) return this.viewOf(rows);
    const noted = await this.database.query<Row>(
      `UPDATE sessions SET used_at = now() WHERE digest = decode($1, 'hex') RETURNING ${COLUMNS}`,
      [digest],
    );
    return this.viewOf(noted.rows);
  }

  @Handles(closeSession)
  async close({ digest }: SessionRef): Promise<Done> {
    await this.database.transaction(async (tx) => {
      const { rows } = await tx.query<Pick<Row, 'id' | 'tenant_id' | 'actor'>>(
        "DELETE FROM sessions WHERE digest = decode($1, 'hex') RETURNING id, tenant_id, actor",
        [digest],
      );
      for (const { id, tenant_id: tenantId, actor } of rows)
        await recordAct(tx, { tenantId, aggregate: 'session', id, type: 'SessionClosed', actor });
    });
    return {};
  }

  private viewOf([row]: readonly Row[]): SessionView {
    if (row === undefined) throw new AppError('session-ended', 'There is no such session, or it has ended.');
    const idleEnd = row.used_at.getTime() + this.rules.idleSeconds * 1_000;
    return {
      id: row.id,
      tenantId: row.tenant_id,
      actor: row.actor,
      openedAt: row.opened_at.toISOString(),
      idleEndsAt: new Date(Math.min(idleEnd, row.ends_at.getTime())).toISOString(),
      endsAt: row.ends_at.toISOString(),
    };
  }
}
