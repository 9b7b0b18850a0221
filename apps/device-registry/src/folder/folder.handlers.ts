import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, type Done } from '@muster/contracts';
import {
  createFolder,
  deleteFolder,
  editFolder,
  getFolder,
  listFolders,
  type CreateFolder,
  type DeleteFolder,
  type EditFolder,
  type FolderPage,
  type FolderRef,
  type FolderView,
  type ListFolders,
} from '@muster/contracts/device-registry/folders.requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import type pg from 'pg';
import { countFolders, listFoldersByPath, viewFolder } from './folder-list.projection.js';
import { followersOf } from './folder-followers.js';
import { FOLDER_MOVE_JOB } from './folder-move-job.js';
import { below, depthOf, everyFolderIn, isWithin, parentPathOf } from './folder-path.js';
import { assertFree, countWithin, DEVICES_WITHIN, lockTree, makeFolders, openMoves } from './folder-tree.js';
import { folder } from './folder.decider.js';
import type { Place } from './folder.events.js';

@Controller()
export class FolderHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(Jobs) private readonly jobs: Jobs,
  ) {}

  @Handles(createFolder)
  create(request: CreateFolder): Promise<FolderView> {
    const {
      tenantId,
      actor,
      idempotencyKey,
      folder: { path },
    } = request;
    if (path === '/') refuse('folder.path', 'must be the path of a folder: / is where there is none');
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: createFolder.subject, request },
      run: async (tx) => {
        await lockTree(tx, tenantId);
        const { rowCount } = await tx.query('SELECT FROM folders WHERE tenant_id = $1 AND path = $2', [
          tenantId,
          path,
        ]);
        if (rowCount !== 0) throw new AppError('folder-exists', 'There is a folder with this path.');
        await makeFolders(tx, this.store, { tenantId, actor }, [path]);
        return viewFolder(tx, tenantId, path);
      },
    });
  }

  @Handles(getFolder)
  async get({ tenantId, folder: idOrPath, count }: FolderRef): Promise<FolderView> {
    const found = await viewFolder(this.database, tenantId, idOrPath);
    return count === true
      ? { ...found, count: await countWithin(this.database, tenantId, found.path) }
      : found;
  }

  @Handles(listFolders)
  async list({ tenantId, parent, limit: wanted, cursor, count }: ListFolders): Promise<FolderPage> {
    const limit = wanted ?? DEFAULT_PAGE;
    // Null in an optional field passes the contract's rules and means the same as absent.
    const parentId =
      parent == null
        ? undefined
        : parent === '/'
          ? null
          : (await viewFolder(this.database, tenantId, parent)).id;
    const list = `folders${parentId === undefined ? '' : ` in ${parentId ?? '/'}`}`;
    const [after] = decodeCursor(list, cursor, [TEXT]) ?? [];
    const items = await listFoldersByPath(this.database, tenantId, parentId, after, limit + 1);
    return {
      ...pageBy(list, items, limit, ({ path }) => [path]),
      ...(count === true ? { total: await countFolders(this.database, tenantId, parentId) } : {}),
    };
  }

  @Handles(editFolder)
  edit(request: EditFolder): Promise<FolderView> {
    const { tenantId, actor, expectedVersion, edit } = request;
    return this.database.transaction(async (tx) => {
      await lockTree(tx, tenantId);
      const { id, ...before } = await viewFolder(tx, tenantId, request.folder);
      const from: Place = { name: before.name, parentId: before.parentId ?? null, path: before.path };
      const to = await placeOf(tx, tenantId, from, edit);
      const moves = await openMoves(tx, this.store, tenantId);
      // Whoever has just put a device into one of them ends first, and the job finds that device.
      const { rows } = await tx.query<{ path: string }>(
        `SELECT path FROM folders WHERE tenant_id = $1 AND (path = $2 OR (path >= $3 AND path < $4))
         ORDER BY path FOR UPDATE`,
        [tenantId, from.path, ...below(from.path)],
      );
      const height = Math.max(...rows.map(({ path }) => depthOf(path))) - depthOf(from.path);
      const above = await idsOf(tx, tenantId, parentPathOf(to.path));
      const { events } = await this.store.execute(folder, {
        tenantId,
        id,
        metadata: { actor },
        expectedVersion,
        within: tx,
        command: { type: 'MoveFolder', id, from, to, above, height },
      });
      if (events.length === 0) return viewFolder(tx, tenantId, id);
      assertFree(moves, to.path);
      // What is on its way to where this was must go on from there.
      const isAwaited = moves.some((move) => isWithin(move.to, from.path) || isWithin(from.path, move.to));
      const params = { from: from.path, to: to.path };
      const isNamed =
        (await hasDevices(tx, tenantId, from.path)) || (await followersOf(tx, tenantId, params)).length > 0;
      if (!isAwaited && !isNamed) return viewFolder(tx, tenantId, id);
      const jobId = await this.jobs.start(tx, { tenantId, actor, kind: FOLDER_MOVE_JOB, params });
      await tx.query(
        'INSERT INTO folder_moves (tenant_id, job_id, from_path, to_path) VALUES ($1, $2, $3, $4)',
        [tenantId, jobId, from.path, to.path],
      );
      return { ...(await viewFolder(tx, tenantId, id)), jobId };
    });
  }

  @Handles(deleteFolder)
  delete({ tenantId, actor, expectedVersion, folder: idOrPath }: DeleteFolder): Promise<Done> {
    return this.database.transaction(async (tx) => {
      await lockTree(tx, tenantId);
      const found = await viewFolder(tx, tenantId, idOrPath).catch(ignoreAbsence);
      const path = found?.path ?? '';
      // Whoever has just put a device into it ends first, and is counted.
      await tx.query('SELECT FROM folders WHERE tenant_id = $1 AND path = $2 FOR UPDATE', [tenantId, path]);
      const moves = found === undefined ? [] : await openMoves(tx, this.store, tenantId);
      const coming = moves.find(({ to }) => isWithin(path, to));
      if (coming !== undefined)
        throw new AppError(
          'folder-moving',
          `The devices in ${coming.from} are being moved to ${coming.to}; nothing there can be deleted until then.`,
        );
      await this.store.execute(folder, {
        tenantId,
        // An id that nobody has any more stays one: the stream knows that it was deleted.
        id: found?.id ?? idOrPath,
        metadata: { actor },
        expectedVersion,
        within: tx,
        command: {
          type: 'DeleteFolder',
          path,
          devices: found === undefined ? 0 : await countWithin(tx, tenantId, path),
          folders: found === undefined ? 0 : await countBelow(tx, tenantId, path),
        },
      });
      return {};
    });
  }
}

/** Where an edit puts it. Throws `folder-not-found` of the parent. */
const placeOf = async (
  tx: pg.PoolClient,
  tenantId: string,
  from: Place,
  edit: { readonly name?: string; readonly parent?: string },
): Promise<Place> => {
  const name = edit.name ?? from.name;
  const parent =
    edit.parent === '/'
      ? undefined
      : edit.parent === undefined
        ? from.parentId === null
          ? undefined
          : await viewFolder(tx, tenantId, from.parentId)
        : await viewFolder(tx, tenantId, edit.parent);
  return { name, parentId: parent?.id ?? null, path: `${parent?.path ?? ''}/${name}` };
};

/** Of the folder and of all that it is in. */
const idsOf = async (tx: pg.PoolClient, tenantId: string, path: string | undefined): Promise<string[]> => {
  const { rows } = await tx.query<{ id: string }>(
    'SELECT id FROM folders WHERE tenant_id = $1 AND path = ANY($2)',
    [tenantId, path === undefined ? [] : everyFolderIn(path)],
  );
  return rows.map(({ id }) => id);
};

const countBelow = async (tx: pg.PoolClient, tenantId: string, path: string): Promise<number> => {
  const { rows } = await tx.query<{ count: string }>(
    'SELECT count(*) FROM folders WHERE tenant_id = $1 AND path >= $2 AND path < $3',
    [tenantId, ...below(path)],
  );
  return Number(rows[0]?.count ?? 0);
};

const hasDevices = async (tx: pg.PoolClient, tenantId: string, path: string): Promise<boolean> => {
  const { rowCount } = await tx.query(
    `SELECT FROM devices WHERE tenant_id = $1 AND ${DEVICES_WITHIN} LIMIT 1`,
    [tenantId, path, ...below(path)],
  );
  return rowCount !== 0;
};

const ignoreAbsence = (error: unknown): undefined => {
  if (error instanceof AppError && error.code === 'folder-not-found') return undefined;
  throw error;
};

const refuse = (path: string, message: string): never => {
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};
