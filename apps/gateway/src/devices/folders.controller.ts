import { Controller, Delete, Get, Inject, Param, Patch, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { IsBoolean, IsOptional, IsString, Length } from 'class-validator';
import { Described, type Done } from '@muster/contracts';
import {
  createFolder,
  deleteFolder,
  editFolder,
  FolderEdit,
  FolderInput,
  FolderView,
  getFolder,
  listFolders,
  type FolderPage,
} from '@muster/contracts/device-registry/folders.requests';
import { type Asking, ASKING } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

export class FoldersQuery extends PageQuery {
  @IsOptional()
  @Described(() => ({
    description: 'Id or path: only what is directly in it; `/`: only what is in no other folder.',
  }))
  @IsString()
  @Length(1, 1_024)
  parent?: string;
}

export class FolderQuery {
  @IsOptional()
  @Described(() => ({ description: 'Whether `count` is told: how many devices are in it and below.' }))
  @IsBoolean()
  count?: boolean;
}

/** `{id}` may be the path, with `%2F` for each `/`. */
@Controller('api/v1/folders')
export class FoldersController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Make a folder, and those above it that are not there',
    asks: [createFolder],
    body: FolderInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  createFolder(
    @CheckedBody(FolderInput) folder: FolderInput,
    @Creating() creating: Caller,
  ): Promise<FolderView> {
    return this.bus.request(createFolder, { ...creating, folder });
  }

  @Get()
  @Operation({
    summary: 'List folders by path, all or those in one',
    asks: [listFolders],
    query: FoldersQuery,
  })
  listFolders(
    @CheckedQuery(FoldersQuery) { limit, cursor, count, parent }: FoldersQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FolderPage> {
    return this.bus.request(listFolders, { ...reading, limit, cursor, count, parent });
  }

  @Get(':id')
  @Operation({ summary: 'Get a folder by id or path', asks: [getFolder], query: FolderQuery })
  getFolder(
    @Param('id') folder: string,
    @CheckedQuery(FolderQuery) { count }: FolderQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FolderView> {
    return this.bus.request(getFolder, { ...reading, folder, count });
  }

  @Patch(':id')
  @Operation({
    summary: 'Rename or move a folder with all that is in it',
    asks: [editFolder],
    body: FolderEdit,
    also: {
      202: {
        description: 'The folder and those below are where they should be; a job moves the devices.',
        answer: FolderView,
      },
    },
  })
  async editFolder(
    @Param('id') folder: string,
    @CheckedBody(FolderEdit) edit: FolderEdit,
    @Changing() changing: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<FolderView> {
    const edited = await this.bus.request(editFolder, { ...changing, folder, edit });
    if (edited.jobId !== undefined) {
      response.status(202);
      response.setHeader('location', jobLocation('', edited.jobId));
    }
    return edited;
  }

  @Delete(':id')
  @Operation({ summary: 'Delete a folder that is empty', asks: [deleteFolder], status: 204 })
  deleteFolder(@Param('id') folder: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteFolder, { ...changing, folder });
  }
}
