import { IsArray, IsIn, IsString } from 'class-validator';

/** What the API has, as roles name it. */
export const ENTITIES = [
  'device-type',
  'device',
  'configuration',
  'telemetry',
  'command',
  'firmware',
  'file',
  'campaign',
  'supervision',
  'group',
  'job',
  'parked-message',
  'integration',
  'iot-hub',
] as const;

export const PERMISSIONS = ['read', 'change'] as const;

/** What a caller may do with the things of one kind. */
export class Right {
  @IsIn(ENTITIES)
  entity!: (typeof ENTITIES)[number];

  /** `change`: also create and delete. */
  @IsArray()
  @IsIn(PERMISSIONS, { each: true })
  permissions!: (typeof PERMISSIONS)[number][];

  /** In this folder and below; `/`: everywhere. */
  @IsString()
  folder!: string;
}

/** The administrator's, as every caller today is one. */
export const ALL_RIGHTS: readonly Right[] = ENTITIES.map((entity) => ({
  entity,
  permissions: [...PERMISSIONS],
  folder: '/',
}));
