import type { Schema } from '../api/client.js';

/** What rights are about. */
export type Entity = Schema<'Right'>['entity'];

/** Many of them, as they are called in a sentence. */
export const ENTITY_NAMES: Readonly<Record<Entity, string>> = {
  'device-type': 'device types',
  device: 'devices',
  configuration: 'configurations',
  telemetry: 'telemetry',
  command: 'commands',
  firmware: 'firmwares',
  file: 'files',
  campaign: 'campaigns',
  supervision: 'supervisions',
  group: 'groups',
  job: 'jobs',
  'parked-message': 'parked messages',
  integration: 'integrations',
  'iot-hub': 'IoT Hubs',
};
