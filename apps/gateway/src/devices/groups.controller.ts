import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import { IsBoolean, IsOptional } from 'class-validator';
import { Described, type Done } from '@muster/contracts';
import {
  createGroup,
  deleteGroup,
  editGroup,
  getGroup,
  GroupEdit,
  GroupInput,
  listGroups,
  type GroupPage,
  type GroupView,
} from '@muster/contracts/device-registry/groups.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

/** A filter may take seconds before it is refused as too slow. */
const COUNT_TIMEOUT_MS = 12_000;

export class GroupQuery {
  @IsOptional()
  @Described(() => ({ description: 'Whether `count` is told: how many devices it means now.' }))
  @IsBoolean()
  count?: boolean;
}

/** `{id}` may be the name. */
@Controller('api/v1/groups')
export class GroupsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Save a filter under a name',
    asks: [createGroup],
    body: GroupInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  createGroup(@CheckedBody(GroupInput) group: GroupInput, @Creating() creating: Caller): Promise<GroupView> {
    return this.bus.request(createGroup, { ...creating, group });
  }

  @Get()
  @Operation({ summary: 'List groups by name', asks: [listGroups], query: PageQuery })
  listGroups(
    @CheckedQuery(PageQuery) { limit, cursor, count }: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<GroupPage> {
    return this.bus.request(listGroups, { ...reading, limit, cursor, count });
  }

  @Get(':id')
  @Operation({ summary: 'Get a group by id or name', asks: [getGroup], query: GroupQuery })
  getGroup(
    @Param('id') group: string,
    @CheckedQuery(GroupQuery) { count }: GroupQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<GroupView> {
    return this.bus.request(
      getGroup,
      { ...reading, group, count },
      count === true ? { timeoutMs: COUNT_TIMEOUT_MS } : undefined,
    );
  }

  @Patch(':id')
  @Operation({ summary: 'Edit a group', asks: [editGroup], body: GroupEdit })
  editGroup(
    @Param('id') group: string,
    @CheckedBody(GroupEdit) edit: GroupEdit,
    @Changing() changing: Caller,
  ): Promise<GroupView> {
    return this.bus.request(editGroup, { ...changing, group, edit });
  }

  @Delete(':id')
  @Operation({ summary: 'Delete a group; the devices stay', asks: [deleteGroup], status: 204 })
  deleteGroup(@Param('id') group: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteGroup, { ...changing, group });
  }
}
