import { Controller, Delete, Get, Inject, Param, Patch, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import { IsOptional, IsString, Length } from 'class-validator';
import type { Request, Response } from 'express';
import { AppError, type Done } from '@muster/contracts';
import {
  createFirmwareType,
  deleteFirmware,
  deleteFirmwareType,
  editFirmware,
  editFirmwareType,
  FirmwareEdit,
  FirmwareTypeEdit,
  FirmwareView,
  FirmwareTypeInput,
  getFirmware,
  getFirmwareType,
  listFirmwares,
  listFirmwareTypes,
  registerFirmware,
  RegisterFirmware,
  type FirmwarePage,
  type FirmwareTypeList,
  type FirmwareTypeView,
} from '@muster/contracts/firmware/requests';
import { safeFileName, type FileStore, type StoredFile } from '@muster/files';
import { invalidFields } from '@muster/messaging';
import { type Asking, ASKING, type FileParts, FILES } from '../providers.js';
import { CheckedBody, refuse } from '../http/body.js';
import { Changing, Creating, Reading, type Caller } from '../http/caller.js';
import { receiveForm, type FormFields } from '../http/multipart.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

export class FirmwaresQuery extends PageQuery {
  /** Id or name. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  firmwareType?: string;

  @IsOptional()
  @IsString()
  @Length(1, 64)
  deviceTypeId?: string;
}

/** `{id}` may be the name. */
@Controller('api/v1/device-types/:id/firmware-types')
export class FirmwareTypesController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Create a firmware type',
    asks: [createFirmwareType],
    body: FirmwareTypeInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  createFirmwareType(
    @Param('id') deviceType: string,
    @CheckedBody(FirmwareTypeInput) firmwareType: FirmwareTypeInput,
    @Creating() creating: Caller,
  ): Promise<FirmwareTypeView> {
    return this.bus.request(createFirmwareType, { ...creating, deviceType, firmwareType });
  }

  @Get()
  @Operation({
    summary: 'List the firmware types of a device type, oldest first',
    asks: [listFirmwareTypes],
    query: PageQuery,
  })
  listFirmwareTypes(
    @Param('id') deviceType: string,
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FirmwareTypeList> {
    return this.bus.request(listFirmwareTypes, { ...reading, deviceType, ...page });
  }

  @Get(':firmwareTypeId')
  @Operation({ summary: 'Get a firmware type by id or name', asks: [getFirmwareType] })
  getFirmwareType(
    @Param('id') deviceType: string,
    @Param('firmwareTypeId') firmwareType: string,
    @Reading() reading: { tenantId: string },
  ): Promise<FirmwareTypeView> {
    return this.bus.request(getFirmwareType, { ...reading, deviceType, firmwareType });
  }

  @Patch(':firmwareTypeId')
  @Operation({
    summary: 'Change the name or keys of a firmware type, by id or name, while no firmware of it exists',
    asks: [editFirmwareType],
    body: FirmwareTypeEdit,
  })
  editFirmwareType(
    @Param('id') deviceType: string,
    @Param('firmwareTypeId') firmwareType: string,
    @CheckedBody(FirmwareTypeEdit) edit: FirmwareTypeEdit,
    @Changing() changing: Caller,
  ): Promise<FirmwareTypeView> {
    return this.bus.request(editFirmwareType, { ...changing, deviceType, firmwareType, edit });
  }

  @Delete(':firmwareTypeId')
  @Operation({
    summary: 'Delete a firmware type, by id or name, while no firmware of it exists; the default goes last',
    asks: [deleteFirmwareType],
    status: 204,
  })
  deleteFirmwareType(
    @Param('id') deviceType: string,
    @Param('firmwareTypeId') firmwareType: string,
    @Changing() changing: Caller,
  ): Promise<Done> {
    return this.bus.request(deleteFirmwareType, { ...changing, deviceType, firmwareType });
  }
}

@Controller('api/v1/firmwares')
export class FirmwaresController {
  constructor(
    @Inject(ASKING) private readonly bus: Asking,
    @Inject(FILES) private readonly parts: FileParts,
  ) {}

  @Post()
  @Operation({
    summary: 'Upload a firmware; the file comes last in the form',
    asks: [registerFirmware],
    answer: FirmwareView,
    errors: ['payload-too-large', 'unsupported-media-type', 'storage-full'],
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    required: true,
    schema: {
      type: 'object',
      properties: {
        firmwareType: { type: 'string', description: 'Id, or name where only one device type has it.' },
        version: { type: 'string' },
        description: { type: 'string', maxLength: 1_000 },
        upgradableFrom: {
          type: 'array',
          items: { type: 'string' },
          description: 'Repeated, or one field with commas between.',
        },
        file: { type: 'string', format: 'binary' },
      },
      required: ['firmwareType', 'version', 'file'],
    },
  })
  async uploadFirmware(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @Creating() creating: Caller,
  ): Promise<FirmwareView> {
    const { store, firmwareMaxBytes } = this.parts;
    // Where it is known, the sender is told before the file is on its way. The fields take less than the rest.
    if (Number(request.get('content-length') ?? 0) > firmwareMaxBytes + FORM_BYTES) {
      response.setHeader('connection', 'close');
      throw new AppError('payload-too-large', `The file is larger than ${firmwareMaxBytes} bytes.`);
    }
    if (request.is('multipart/form-data') === false) {
      throw new AppError(
        'unsupported-media-type',
        'The body must be a form: content-type multipart/form-data.',
      );
    }
    const { described, stored } = await receiveForm(
      request,
      async (fields, { name, stream }) => ({
        described: { ...describedBy(fields), name: name === '' ? 'firmware.bin' : safeFileName(name) },
        stored: await store.put(stream, { maxBytes: firmwareMaxBytes }),
      }),
      (received) => removeFrom(store, received.stored),
    ).catch((error: unknown) => {
      // Whatever of the form is still to come must not be taken for the next request.
      response.setHeader('connection', 'close');
      throw error;
    });
    const { key: fileKey, size, sha256 } = stored;
    try {
      const { fileKey: kept, ...view } = await this.bus.request(registerFirmware, {
        ...creating,
        ...described,
        fileKey,
        size,
        sha256,
      });
      // A repetition: the first time's file stays.
      if (kept !== fileKey) await removeFrom(store, stored);
      return view;
    } catch (error) {
      // Only where it was refused for good. After a lost answer the firmware may exist, and needs its file.
      if (error instanceof AppError && error.status < 500) await removeFrom(store, stored);
      throw error;
    }
  }

  @Get()
  @Operation({
    summary: 'List firmwares, newest first',
    asks: [listFirmwares],
    query: FirmwaresQuery,
  })
  listFirmwares(
    @CheckedQuery(FirmwaresQuery) { limit, cursor, count, firmwareType, deviceTypeId }: FirmwaresQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FirmwarePage> {
    return this.bus.request(listFirmwares, { ...reading, limit, cursor, count, firmwareType, deviceTypeId });
  }

  @Get(':id')
  @Operation({ summary: 'Get a firmware', asks: [getFirmware] })
  getFirmware(
    @Param('id') firmwareId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<FirmwareView> {
    return this.bus.request(getFirmware, { ...reading, firmwareId });
  }

  @Patch(':id')
  @Operation({
    summary: 'Describe a firmware, change its upgrade path or its rollout; the file never changes',
    asks: [editFirmware],
    body: FirmwareEdit,
  })
  editFirmware(
    @Param('id') firmwareId: string,
    @CheckedBody(FirmwareEdit) edit: FirmwareEdit,
    @Changing() changing: Caller,
  ): Promise<FirmwareView> {
    return this.bus.request(editFirmware, { ...changing, firmwareId, edit });
  }

  @Delete(':id')
  @Operation({
    summary: 'Delete a firmware and its file; its download tokens stop working',
    asks: [deleteFirmware],
    status: 204,
  })
  deleteFirmware(@Param('id') firmwareId: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteFirmware, { ...changing, firmwareId });
  }
}

/** Room for the boundaries and fields of a form around its file. */
const FORM_BYTES = 1_048_576;

type Described = Pick<RegisterFirmware, 'firmwareType' | 'version' | 'description' | 'upgradableFrom'>;

const LISTS = ['upgradableFrom'];
const SINGLE = ['firmwareType', 'version', 'description'];

/** The fields, checked by the rules of the contract before a byte of the file is stored. */
const describedBy = (fields: FormFields): Described => {
  const faults = [...fields].flatMap(([path, values]) => {
    if (!LISTS.includes(path) && !SINGLE.includes(path)) return [{ path, message: 'is not a known field' }];
    return SINGLE.includes(path) && values.length > 1 ? [{ path, message: 'must be given once' }] : [];
  });
  refuse(faults, 'The form');
  const missing = ['firmwareType', 'version'].filter((path) => !fields.has(path));
  refuse(
    missing.map((path) => ({ path, message: 'is missing before the file: send the file last' })),
    'The form',
  );
  const described = Object.fromEntries(
    [...fields].map(([path, values]) => [
      path,
      LISTS.includes(path)
        ? values
            .flatMap((value) => value.split(','))
            .map((item) => item.trim())
            .filter((item) => item !== '')
        : values[0],
    ]),
  );
  const rules = invalidFields(RegisterFirmware, described, 'refuse').filter(({ path }) =>
    [...LISTS, ...SINGLE].includes(path.split('.')[0] ?? ''),
  );
  refuse(rules, 'The form');
  return described as unknown as Described; // checked field by field just now
};

/** A file that cannot be removed now costs room and nothing else. */
const removeFrom = (store: FileStore, { key }: StoredFile): Promise<void> =>
  store.remove(key).catch(() => undefined);
