import { CAMPAIGN_EXAMPLES } from './campaign-examples.js';
import { DEVICE_EXAMPLES } from './device-examples.js';
import { IOT_HUB_EXAMPLES } from './iot-hub-examples.js';
import {
  AT,
  FIRMWARE_ID,
  OPERATOR,
  LATER,
  DEVICE_ID,
  TYPE_ID,
  JOB_ID,
  page,
  targetPreview,
  type Example,
} from './example.js';

const FIRMWARE_TYPE_ID = '01936c2f-0a1b-7c2d-8e3f-4a5b6c7d8e9f';
const CONFIG_ID = '4f8b1c2d3e5a69788796a5b4c3d2e1f0';
const SHA256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const PARKED_ID = 'q3v8Zr0mT1fJx5yK2bNwLhS7dGcPaEoUiY9tR4uV6sM';

const parked = {
  id: PARKED_ID,
  state: 'open',
  service: 'configuration',
  stream: 'EVENTS_DEVICE_REGISTRY',
  consumer: 'configuration-known-devices',
  subject: `muster.v1.event.device-registry.default.device.provisioned.${DEVICE_ID}`,
  code: 'device-type-not-found',
  reason: 'device-type-not-found: There is no such device type.',
  tries: 6,
  bytes: 34,
  firstParkedAt: AT,
  lastParkedAt: AT,
  traceId: '0af7651916cd43dd8448eb211c80319c',
};
const desiredChanged = { version: 4, configId: CONFIG_ID, syncState: 'pending' };
const defaultsChanged = { version: 2, jobId: JOB_ID };

const typeConfiguration = {
  deviceTypeId: TYPE_ID,
  version: 2,
  keys: { targetTemperature: { schema: { type: 'number', minimum: 5, maximum: 30 } } },
  undeclaredKeys: 'allowed',
  limits: { documentBytes: 65536, valueBytes: 16384, keys: 200 },
  defaults: { targetTemperature: 20 },
  appVersions: { 'radiator-v1': { defaults: { reportSeconds: 300 } } },
};

const command = {
  id: 'reboot:1',
  deviceId: DEVICE_ID,
  type: 'reboot',
  number: 1,
  status: 'executed',
  payload: { delaySeconds: 5 },
  createdAt: AT,
  createdBy: OPERATOR,
  expiresAt: '2026-11-28T09:31:00.000Z',
  finishedAt: LATER,
  statusCode: 200,
  result: { uptimeSeconds: 86400 },
};

const me = {
  id: 'local-admin',
  kind: 'api-key',
  tenantId: 'default',
  rights: [{ entity: 'device', permissions: ['read', 'change'], folder: '/' }],
  session: {
    id: '01936c40-1a2b-7c3d-8e4f-5a6b7c8d9e0f',
    openedAt: AT,
    idleEndsAt: '2026-11-28T11:30:00.000Z',
    endsAt: '2026-11-28T21:30:00.000Z',
  },
};

const firmwareType = {
  id: FIRMWARE_TYPE_ID,
  deviceTypeId: TYPE_ID,
  name: 'main',
  versionKey: 'firmwareVersion',
  urlKey: 'firmwareUrl',
  tokenKey: 'firmwareToken',
  isDefault: true,
  revision: 1,
  createdAt: AT,
};

const firmware = {
  id: FIRMWARE_ID,
  firmwareTypeId: FIRMWARE_TYPE_ID,
  firmwareType: 'main',
  deviceTypeId: TYPE_ID,
  version: '1.2.0',
  name: 'radiator-1.2.0.bin',
  size: 482304,
  sha256: SHA256,
  url: `http://localhost:3001/firmwares/${FIRMWARE_ID}`,
  description: 'Quieter motor',
  upgradableFrom: ['1.1.0'],
  rollout: { strategy: 'targeted', filter: { tags: ['roof'] } },
  revision: 2,
  createdAt: AT,
};

const downloadToken = {
  id: '01936c32-1a2b-7c3d-8e4f-5a6b7c8d9e0f',
  firmwareId: FIRMWARE_ID,
  name: 'rollout of November',
  createdBy: OPERATOR,
  createdAt: AT,
  expiresAt: '2026-12-28T09:30:00.000Z',
};

const file = {
  id: '01936c33-2b3c-7d4e-8f5a-6b7c8d9e0f1a',
  deviceId: DEVICE_ID,
  name: 'boot.log',
  size: 2048,
  sha256: SHA256,
  contentType: 'text/plain',
  storedAt: AT,
};

const consumer = {
  service: 'telemetry',
  stream: 'TELEMETRY',
  consumer: 'integration-01936c34',
  filter: 'muster.v1.event.telemetry.default.>',
};

const integration = {
  id: '01936c34-3c4d-7e5f-8a6b-7c8d9e0f1a2b',
  name: 'billing',
  services: ['telemetry'],
  from: 'now',
  version: 1,
  createdAt: AT,
  createdBy: OPERATOR,
  credentialsAt: AT,
};

const integrationAccess = {
  id: integration.id,
  name: 'billing',
  tenant: 'default',
  natsUrl: 'nats://localhost:4222',
  credentials: '-----BEGIN NATS USER JWT-----\n…\n------END NATS USER JWT------\n',
  inboxPrefix: '_INBOX_01936c34',
  apiPrefix: 'muster.js.default',
  consumers: [consumer],
  liveSubject: 'muster.v1.event.*.default.>',
  version: 1,
};

const job = {
  id: JOB_ID,
  kind: 'configuration-bulk',
  status: 'failed',
  done: 20000,
  failed: 1,
  total: 20000,
  createdAt: AT,
  startedAt: AT,
  endedAt: LATER,
  createdBy: OPERATOR,
};

/** By `operationId`. */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  ...CAMPAIGN_EXAMPLES,
  ...DEVICE_EXAMPLES,
  ...IOT_HUB_EXAMPLES,

  getMe: { response: me },
  signIn: { request: { key: 'xm3V…' }, response: me },

  startCommandBulk: {
    request: {
      target: { filter: 'deviceType==radiator;tags==roof' },
      expectedCount: 412,
      type: 'reboot',
      payload: { delaySeconds: 5 },
      ttlSeconds: 3600,
    },
    response: { jobId: JOB_ID },
    preview: targetPreview,
  },

  getConfiguration: {
    response: {
      deviceId: DEVICE_ID,
      version: 4,
      configId: CONFIG_ID,
      syncState: 'in_sync',
      keys: {
        targetTemperature: {
          desired: 21.5,
          desiredAt: AT,
          desiredBy: OPERATOR,
          origin: 'device',
          reported: 21.5,
          reportedAt: LATER,
          inSync: true,
        },
      },
    },
  },
  mergeDesired: { request: { targetTemperature: 21.5, oldKey: null }, response: desiredChanged },
  replaceDesired: { request: { targetTemperature: 21.5 }, response: desiredChanged },
  reofferConfiguration: { request: { reason: 'the valve was replaced' }, response: desiredChanged },
  listConfigurationHistory: {
    response: page({
      at: AT,
      kind: 'desired',
      key: 'targetTemperature',
      from: 20,
      to: 21.5,
      origin: 'device',
      source: OPERATOR,
      configId: CONFIG_ID,
      version: 4,
      confirmedAt: LATER,
    }),
  },

  getTypeConfiguration: { response: typeConfiguration },
  editTypeConfiguration: {
    request: {
      keys: { targetTemperature: { schema: { type: 'number', minimum: 5, maximum: 30 } }, oldKey: null },
      limits: { keys: 200, valueBytes: null },
    },
    response: typeConfiguration,
  },
  mergeTypeDefaults: { request: { targetTemperature: 20 }, response: defaultsChanged },
  replaceTypeDefaults: { request: { targetTemperature: 20 }, response: defaultsChanged },
  mergeAppVersionDefaults: { request: { reportSeconds: 300 }, response: defaultsChanged },
  replaceAppVersionDefaults: { request: { reportSeconds: 300 }, response: defaultsChanged },
  startBulkChange: {
    request: {
      target: { filter: 'deviceType==radiator;tags==roof' },
      expectedCount: 412,
      desired: { targetTemperature: 19 },
    },
    response: { jobId: JOB_ID },
    preview: targetPreview,
  },

  getAuditTrail: {
    response: {
      items: [
        {
          id: 'device-registry:1795858200000000:4711',
          at: AT,
          actor: { kind: 'api-key', id: 'local-admin' },
          action: 'DeviceRenamed',
          resource: { kind: 'device', id: DEVICE_ID, name: 'radiator-12' },
          traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
          service: 'device-registry',
        },
      ],
      nextCursor: null,
      away: [],
    },
  },

  getLatestTelemetry: { response: page({ key: 'temperature', value: 21.3, ts: AT }) },
  queryTelemetry: {
    response: {
      series: [
        {
          key: 'temperature',
          points: [
            [AT, 21.3],
            [LATER, 21.4],
          ],
        },
      ],
      nextCursor: null,
    },
  },

  createCommand: {
    request: { type: 'reboot', payload: { delaySeconds: 5 }, waitSeconds: 10 },
    response: command,
  },
  listCommands: { response: page(command) },
  getCommand: { response: command },

  createFirmwareType: {
    request: {
      name: 'main',
      versionKey: 'firmwareVersion',
      urlKey: 'firmwareUrl',
      tokenKey: 'firmwareToken',
    },
    response: firmwareType,
  },
  listFirmwareTypes: { response: page(firmwareType) },
  getFirmwareType: { response: firmwareType },
  editFirmwareType: {
    request: { tokenKey: 'firmwareSecret' },
    response: { ...firmwareType, tokenKey: 'firmwareSecret', revision: 2 },
  },
  uploadFirmware: {
    request: { firmwareType: 'main', version: '1.2.0', upgradableFrom: ['1.1.0'], file: '(the bytes)' },
    response: { ...firmware, rollout: { strategy: 'suspended' }, revision: 1 },
  },
  listFirmwares: { response: page(firmware) },
  getFirmware: { response: firmware },
  editFirmware: {
    request: { description: null, rollout: { strategy: 'targeted', filter: { tags: ['roof'] } } },
    response: { ...firmware, description: undefined, revision: 3 },
  },

  issueDownloadToken: {
    request: { name: 'rollout of November', ttlSeconds: 2_592_000 },
    response: { ...downloadToken, token: 'b25seS1hbi1leGFtcGxlLW9ubHkt' },
  },
  listDownloadTokens: { response: page(downloadToken) },
  getDownloadToken: { response: downloadToken },

  getSoftware: {
    response: {
      nextCursor: null,
      items: [
        {
          name: 'default',
          firmwareType: 'main',
          reportedVersion: '1.1.0',
          reportedAt: AT,
          offered: { version: '1.2.0', subscriber: true, at: AT },
          rejected: { version: '1.2.0', statusCode: 507, reasonPhrase: 'flash is full', at: LATER },
          observe: true,
        },
      ],
    },
  },

  listFiles: { response: page(file) },

  createIntegration: {
    request: { name: 'billing', services: ['telemetry'], from: 'now' },
    response: integrationAccess,
  },
  listIntegrations: { response: page(integration) },
  getIntegration: {
    response: {
      ...integration,
      consumers: [{ ...consumer, waiting: 12, unacknowledged: 0, lastAcknowledgedAt: AT }],
    },
  },
  editIntegration: {
    request: { services: ['telemetry'] },
    response: { ...integration, services: ['telemetry'], version: 2 },
  },
  renewIntegrationCredentials: { response: { ...integrationAccess, version: 2 } },

  listParked: { response: page(parked) },
  getParked: {
    response: {
      ...parked,
      headers: { 'ce-type': 'io.muster.device.provisioned.v1', 'x-tenant': 'default' },
      payload: { encoding: 'json', content: '{"name":"radiator-17","version":1}', truncated: false },
    },
  },
  replayParked: {
    response: { ...parked, state: 'replayed', tries: 7, decidedBy: OPERATOR, decidedAt: LATER },
  },
  replayMatching: {
    request: { filter: 'code==device-type-not-found' },
    response: {
      replayed: 1,
      failures: [{ id: PARKED_ID, code: 'device-type-not-found', detail: 'There is no such device type.' }],
      nextCursor: null,
    },
  },

  listJobs: { response: page(job) },
  getJob: { response: { ...job, children: [] } },
  cancelJob: {
    response: { ...job, status: 'cancelled', done: 4500, failed: 0, cancelledBy: OPERATOR, children: [] },
  },
  retryJob: { response: { jobId: JOB_ID } },
  listJobErrors: {
    response: page({
      jobId: JOB_ID,
      item: DEVICE_ID,
      code: 'device-not-found',
      detail: 'No such device.',
    }),
  },
};
