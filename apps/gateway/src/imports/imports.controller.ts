import { Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiResponse } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import type { Request, Response } from 'express';
import {
  addImportRows,
  beginImport,
  deleteImport,
  getImport,
  listImportedRows,
  listImports,
  ROW_OUTCOMES,
  startImport,
  type ImportedRow,
  type ImportPage,
  type ImportStarted,
  type ImportView,
  type RowOutcome,
} from '@muster/contracts/device-registry/imports.requests';
import { Described, type Done } from '@muster/contracts';
import { type Asking, ASKING, type FileParts, FILES } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { Creating, Reading, Who, type Caller } from '../http/caller.js';
import { LIST_OR_FILE, ListOrFileQuery, sendListOrFile, type CsvColumns } from '../http/csv.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { receiveImport } from './receive-import.js';

export class ImportQuery {
  @IsOptional()
  @Described(() => ({
    description: 'True: a job that says what would become of each row, and does nothing.',
  }))
  @IsBoolean()
  dryRun?: boolean;
}

export class ImportedRowsQuery extends ListOrFileQuery {
  @IsOptional()
  @IsIn(ROW_OUTCOMES)
  outcome?: RowOutcome;
}

const COLUMNS: CsvColumns<ImportedRow> = {
  line: ({ line }) => line,
  outcome: ({ outcome }) => outcome,
  name: ({ name }) => name,
  deviceId: ({ deviceId }) => deviceId,
  token: ({ token }) => token,
  code: ({ code }) => code,
  detail: ({ detail }) => detail,
};

const FILE = { schema: { type: 'string' as const, format: 'binary' } };

@Controller('api/v1')
export class ImportsController {
  constructor(
    @Inject(ASKING) private readonly bus: Asking,
    @Inject(FILES) private readonly parts: FileParts,
  ) {}

  @Post('devices/import')
  @Operation({
    summary: 'Create and change devices by a file, as a job: CSV or a JSON object on each line',
    asks: [beginImport, addImportRows, startImport],
    query: ImportQuery,
    errors: ['payload-too-large', 'unsupported-media-type'],
    status: 202,
    location: jobLocation,
  })
  @ApiConsumes('text/csv', 'application/x-ndjson')
  @ApiBody({ required: true, ...FILE })
  async importDevices(
    @CheckedQuery(ImportQuery) { dryRun = false }: ImportQuery,
    @Creating() creating: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ImportStarted> {
    try {
      const { importMaxBytes: maxBytes } = this.parts;
      return await receiveImport(this.bus, request, { ...creating, dryRun, maxBytes });
    } catch (error) {
      // Whatever is still to come must not be taken for the next request.
      response.setHeader('connection', 'close');
      throw error;
    }
  }

  @Get('imports')
  @Operation({
    summary: 'List imports with where they stand, newest first',
    asks: [listImports],
    query: PageQuery,
  })
  listImports(
    @CheckedQuery(PageQuery) query: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<ImportPage> {
    return this.bus.request(listImports, { ...reading, ...query });
  }

  @Get('imports/:id')
  @Operation({
    summary: 'How many rows of an import have come to what; its id is that of its job',
    asks: [getImport],
  })
  getImport(@Param('id') importId: string, @Reading() reading: { tenantId: string }): Promise<ImportView> {
    return this.bus.request(getImport, { ...reading, importId });
  }

  @Get('imports/:id/rows')
  @Operation({
    summary: 'What became of each row of an import, in the order of the file',
    asks: [listImportedRows],
    query: ImportedRowsQuery,
    secret: true,
  })
  @ApiResponse(LIST_OR_FILE)
  listImportedRows(
    @Param('id') importId: string,
    @CheckedQuery(ImportedRowsQuery) { outcome, ...query }: ImportedRowsQuery,
    @Reading() reading: { tenantId: string },
    @Res() response: Response,
  ): Promise<void> {
    const request = { ...reading, importId, outcome };
    return sendListOrFile(response, query, { name: 'import', columns: COLUMNS }, (page) =>
      this.bus.request(listImportedRows, { ...request, ...page }),
    );
  }

  @Delete('imports/:id')
  @Operation({
    summary: 'Delete an import that has ended, with its rows; its devices stay',
    asks: [deleteImport],
    status: 204,
  })
  deleteImport(@Param('id') importId: string, @Who() who: Caller): Promise<Done> {
    return this.bus.request(deleteImport, { ...who, importId });
  }
}
