import { filesConfigSchema } from '@muster/files';
import { int, readConfig, url, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = {
  ...serviceKeys({ prefix: 'FIRMWARE', schema: 'firmware' }),
  ...filesConfigSchema,
  baseUrl: url({
    env: 'MUSTER_FIRMWARE_BASE_URL',
    doc: 'Where devices reach the http-adapter; in front of every download URL',
    protocols: ['http', 'https'],
    default: 'http://127.0.0.1:3001',
  }),
  deviceTokenSeconds: int({
    env: 'MUSTER_FIRMWARE_DEVICE_TOKEN_SECONDS',
    doc: 'How long a device may download with the token in its software document; later it asks for the document again',
    unit: 'seconds',
    min: 60,
    max: 2_592_000,
    default: 86_400,
  }),
  operatorTokenSeconds: int({
    env: 'MUSTER_FIRMWARE_OPERATOR_TOKEN_SECONDS',
    doc: 'How long a download token that an operator makes for a campaign works, unless its maker says it',
    unit: 'seconds',
    min: 60,
    max: 31_622_400,
    default: 2_592_000,
  }),
  uploadTokenSeconds: int({
    env: 'MUSTER_FIRMWARE_UPLOAD_TOKEN_SECONDS',
    doc: 'How long a device may upload with one token',
    unit: 'seconds',
    min: 10,
    max: 604_800,
    default: 3_600,
  }),
  uploadMaxBytes: int({
    env: 'MUSTER_FIRMWARE_UPLOAD_MAX_BYTES',
    doc: 'Largest file a device may upload',
    unit: 'bytes',
    min: 1,
    default: 104_857_600,
  }),
  uploadsKeepDays: int({
    env: 'MUSTER_FIRMWARE_UPLOADS_KEEP_DAYS',
    doc: 'Older uploads are removed with their files',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 30,
  }),
  uploadsKeepCount: int({
    env: 'MUSTER_FIRMWARE_UPLOADS_KEEP_COUNT',
    doc: 'Uploads kept of one device; the oldest give way',
    unit: 'files',
    min: 1,
    max: 100_000,
    default: 100,
  }),
  uploadsKeepBytes: int({
    env: 'MUSTER_FIRMWARE_UPLOADS_KEEP_BYTES',
    doc: 'Bytes of uploads kept of one device; the oldest give way, and no single file may be larger',
    unit: 'bytes',
    min: 1,
    default: 1_073_741_824,
  }),
  sweepSeconds: int({
    env: 'MUSTER_FIRMWARE_SWEEP_SECONDS',
    doc: 'How often old uploads, expired tokens and files of what was deleted are removed',
    unit: 'seconds',
    min: 1,
    max: 86_400,
    default: 15,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
