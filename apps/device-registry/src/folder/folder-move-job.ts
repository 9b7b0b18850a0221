import type { EventStore, Queryable } from '@muster/event-store';
import type { JobKind } from '@muster/jobs';
import { device } from '../device/device.decider.js';
import { below } from './folder-path.js';
import { DEVICES_WITHIN, type Move } from './folder-tree.js';

export const FOLDER_MOVE_JOB = 'folder-move';

/** Devices of one page of the plan. */
const PLAN_PAGE = 5_000;

/**
 * The devices of a folder that was renamed or moved follow it. Of two moves the later begins when the earlier has ended, so
 * that it finds the devices which that one has brought. It cannot be stopped half way: the folder that they leave is gone.
 */
export const folderMoveJob = ({
  database,
  store,
}: {
  readonly database: Queryable;
  readonly store: EventStore;
}): JobKind<Move> => ({
  kind: FOLDER_MOVE_JOB,
  inOrder: true,
  cancel: false,
  plan: async ({ tenantId, params: { from } }, cursor) => {
    const { rows } = await database.query<{ id: string }>({
      text: `SELECT id FROM devices WHERE tenant_id = $1 AND ${DEVICES_WITHIN} AND ($5::text IS NULL OR id > $5)
             ORDER BY id LIMIT ${PLAN_PAGE}`,
      values: [tenantId, from, ...below(from), cursor],
    });
    const items = rows.map(({ id }) => id);
    return { items, next: items.length < PLAN_PAGE ? null : (items.at(-1) ?? null) };
  },
  run: async (tx, { tenantId, actor, params: { from, to } }, items) => {
    const outcomes = await store.executeMany(
      device,
      items.map((id) => ({
        tenantId,
        id,
        command: { type: 'FollowFolder', from, to } as const,
        metadata: { actor },
      })),
      { within: tx },
    );
    return outcomes.map(({ error }) =>
      // One that was deleted meanwhile has nowhere to go.
      error === undefined || error.code === 'device-not-found'
        ? {}
        : { code: error.code, detail: error.detail },
    );
  },
});
