import type { Database } from '@muster/event-store';
import type { Logger } from '@muster/observability';

const EVERY_MS = 1_000;
const QUIET_MS = 60_000;

/**
 * When credentials and authorities were last used, to within a minute: thousands of devices that come back at once are one
 * statement a second. What a killed process has not written is written at the next use.
 */
export class LastUses {
  private readonly noted = new Map<
    string,
    { readonly tenantId: string; readonly id: string; readonly at: string }
  >();
  /** By id: not before that again. */
  private readonly quietUntil = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  note(tenantId: string, id: string, at: string): void {
    const now = Date.parse(at);
    if (this.stopped || now < (this.quietUntil.get(id) ?? 0)) return;
    this.quietUntil.set(id, now + QUIET_MS);
    this.noted.set(id, { tenantId, id, at });
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.writing = this.write(now);
    }, EVERY_MS);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.writing;
    await this.write(Date.now());
  }

  private async write(now: number): Promise<void> {
    for (const [id, until] of this.quietUntil) if (until < now) this.quietUntil.delete(id);
    const uses = [...this.noted.values()];
    this.noted.clear();
    if (uses.length === 0) return;
    try {
      await this.database.query({
        name: 'note-last-uses',
        // Sorted: two processes that write the same rows must not wait for each other in a circle.
        text: `INSERT INTO last_uses AS l (tenant_id, id, used_at)
               SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS u (tenant_id, id, used_at) ORDER BY 1, 2
               ON CONFLICT (tenant_id, id) DO UPDATE SET used_at = greatest(l.used_at, excluded.used_at)`,
        values: [uses.map(({ tenantId }) => tenantId), uses.map(({ id }) => id), uses.map(({ at }) => at)],
      });
    } catch (error) {
      this.logger.warn({ err: error, uses: uses.length }, 'when credentials were last used is not written');
      for (const { id } of uses) this.quietUntil.delete(id);
    }
  }
}
