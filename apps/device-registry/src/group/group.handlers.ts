import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, errorUnder, newId, type Done } from '@muster/contracts';
import { selectDevices } from '@muster/contracts/device-registry/selection.requests';
import {
  createGroup,
  deleteGroup,
  editGroup,
  getGroup,
  listGroups,
  type CreateGroup,
  type DeleteGroup,
  type EditGroup,
  type GroupPage,
  type GroupRef,
  type GroupView,
  type ListGroups,
} from '@muster/contracts/device-registry/groups.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { readGroupFilter } from '../device/device-filter.js';
import { countGroups, findGroup, listGroupsByName } from './group-list.projection.js';
import { group } from './group.decider.js';

/** A filter may take seconds before it is refused as too slow. */
const FILTER_TIMEOUT_MS = 10_000;

@Controller()
export class GroupHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Handles(createGroup)
  create(request: CreateGroup): Promise<GroupView> {
    const { tenantId, actor, idempotencyKey } = request;
    // Null in an optional field passes the contract's rules and means the same as absent.
    const { name, description, filter } = request.group;
    assertReadable('group', filter);
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: createGroup.subject, request },
      run: async (tx) => {
        const id = newId();
        await this.store.execute(group, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: {
            type: 'CreateGroup',
            name,
            description: description ?? undefined,
            filter,
            at: new Date().toISOString(),
          },
        });
        return view(tx, tenantId, id);
      },
    });
  }

  @Handles(getGroup)
  async get({ tenantId, group: idOrName, count }: GroupRef): Promise<GroupView> {
    const found = await view(this.database, tenantId, idOrName);
    if (count !== true) return found;
    // As anybody else counts the devices of a filter, with the same limits.
    const { filter } = found;
    const { total } = await this.bus.request(
      selectDevices,
      { tenantId, filter, limit: 1, count },
      { timeoutMs: FILTER_TIMEOUT_MS },
    );
    return { ...found, count: total ?? 0 };
  }

  @Handles(listGroups)
  async list({ tenantId, limit: wanted, cursor, count }: ListGroups): Promise<GroupPage> {
    const limit = wanted ?? DEFAULT_PAGE;
    const [after] = decodeCursor('groups', cursor, [TEXT]) ?? [];
    const items = await listGroupsByName(this.database, tenantId, after, limit + 1);
    return {
      ...pageBy('groups', items, limit, ({ name }) => [name]),
      ...(count === true ? { total: await countGroups(this.database, tenantId) } : {}),
    };
  }

  @Handles(editGroup)
  async edit(request: EditGroup): Promise<GroupView> {
    const { tenantId, actor, expectedVersion } = request;
    const { name, description, filter } = request.edit;
    if (filter !== undefined) assertReadable('edit', filter);
    const id = await this.resolve(tenantId, request.group);
    await this.store.execute(group, {
      tenantId,
      id,
      metadata: { actor },
      expectedVersion,
      command: { type: 'EditGroup', name, description, filter },
    });
    return view(this.database, tenantId, id);
  }

  @Handles(deleteGroup)
  async delete({ tenantId, actor, expectedVersion, group: idOrName }: DeleteGroup): Promise<Done> {
    await this.store.execute(group, {
      tenantId,
      id: await this.resolve(tenantId, idOrName),
      metadata: { actor },
      expectedVersion,
      command: { type: 'DeleteGroup' },
    });
    return {};
  }

  /** An id that nobody has any more stays one: the stream knows that it was deleted. */
  private async resolve(tenantId: string, idOrName: string): Promise<string> {
    return (await findGroup(this.database, tenantId, idOrName))?.id ?? idOrName;
  }
}

/** `path`: the field of the request that has the filter. */
const assertReadable = (path: string, filter: string): void => {
  try {
    readGroupFilter(filter);
  } catch (error) {
    throw errorUnder(path, error);
  }
};

const view = async (from: Queryable, tenantId: string, idOrName: string): Promise<GroupView> => {
  const found = await findGroup(from, tenantId, idOrName);
  if (found === undefined) throw new AppError('group-not-found', 'There is no such group.');
  return found;
};
