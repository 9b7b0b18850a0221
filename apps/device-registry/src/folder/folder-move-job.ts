import type { EventStore, Queryable } from '@muster/event-store';
import type { JobKind } from '@muster/jobs';
import { device } from '../device/device.decider.js';
import { followersOf, followFolder, isFollower } from './folder-followers.js';
import { below } from './folder-path.js';
import { DEVICES_WITHIN, type Move } from './folder-tree.js';

export const FOLDER_MOVE_JOB = 'folder-move';

/** Devices of one page of the plan. */
const PLAN_PAGE = 5_000;

/**
 * What names a folder that was renamed or moved follows it: rules and groups first, which are few, so that devices enrol again
 * soon, then its devices. Of two moves the later begins when the earlier has ended, so that it finds what that one has brought. It
 * cannot be stopped half way: the folder that they leave is gone.
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
  plan: async ({ tenantId, params }, cursor) => {
    const { from } = params;
    if (cursor === null) return { items: await followersOf(database, tenantId, params), next: '' };
    const { rows } = await database.query<{ id: string }>({
      text: `SELECT id FROM devices WHERE tenant_id = $1 AND ${DEVICES_WITHIN} AND id > $5
             ORDER BY id LIMIT ${PLAN_PAGE}`,
      values: [tenantId, from, ...below(from), cursor],
    });
    const items = rows.map(({ id }) => id);
    return { items, next: items.length < PLAN_PAGE ? null : (items.at(-1) ?? null) };
  },
  run: async (tx, { tenantId, actor, params }, items) => {
    const { from, to } = params;
    // A page of the plan is of one sort, and so is a chunk.
    if (items.some(isFollower)) return followFolder(tx, store, { tenantId, actor }, params, items);
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
