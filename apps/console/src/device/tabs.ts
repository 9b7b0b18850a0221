export const DEVICE_TABS = [
  'configuration',
  'telemetry',
  'commands',
  'firmware',
  'connectivity',
  'history',
  'files',
] as const;
export type DeviceTab = (typeof DEVICE_TABS)[number];
