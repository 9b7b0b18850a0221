import { CAMPAIGN_EXAMPLES } from './campaign-examples.js';
import { AT, FIRMWARE_ID, OPERATOR, type Example } from './example.js';

const LATER = '2026-11-28T09:30:02.114Z';

const DEVICE_ID = '01936c2e-8f3a-7c41-9d0e-5b7a1f2c3d4e';
const TYPE_ID = '01936c2e-1b6f-7a90-8c3d-2e4f5a6b7c8d';
const FIRMWARE_TYPE_ID = '01936c2f-0a1b-7c2d-8e3f-4a5b6c7d8e9f';
const JOB_ID = '01936c31-7a8b-7c9d-8e0f-1a2b3c4d5e6f';
const CONFIG_ID = '4f8b1c2d3e5a69788796a5b4c3d2e1f0';
const SHA256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

const PARKED_ID = 'q3v8Zr0mT1fJx5yK2bNwLhS7dGcPaEoUiY9tR4uV6sM';

const page = (...items: readonly unknown[]): { items: readonly unknown[]; nextCursor: null } => ({
  items,
  nextCursor: null,
});

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

const appVersion = { id: '01936c2e-1b70-7b3c-9a4d-6f5e4d3c2b1a', name: 'radiator-v1' };

const deviceType = {
  id: TYPE_ID,
  name: 'radiator',
  description: 'Radiator valves',
  appVersions: [appVersion],
  settings: { plainTelemetry: true },
  version: 1,
  createdAt: AT,
};

const device = {
  id: DEVICE_ID,
  name: 'radiator-17',
  deviceType: 'radiator',
  deviceTypeId: TYPE_ID,
  appVersion: 'radiator-v1',
  interface: 'mqtt',
  folder: '/paris/building-2',
  tags: ['roof'],
  metadata: { room: 'kitchen' },
  connectivity: { connected: true, since: AT, lastSeenAt: LATER },
  syncState: 'in_sync',
  configId: 'b2f49a3c0e6d41c8a7d85b1f3e90c264',
  version: 3,
  createdAt: AT,
};

const token = { id: '01936c2e-8f3b-7d52-8e1f-6c8b2a3d4e5f', hint: 'Kx7e', status: 'active', createdAt: AT };

const credential = {
  id: '01936c32-1a2b-7c3d-9e4f-5a6b7c8d9e0f',
  kind: 'secret',
  status: 'active',
  createdAt: AT,
};

const PEM = '-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n';

const password = {
  id: '01936c33-2b3c-7d4e-8f5a-6b7c8d9e0f1a',
  kind: 'password',
  status: 'active',
  username: DEVICE_ID,
  lastUsedAt: LATER,
  createdAt: AT,
};

const enrolment = { deviceType: 'radiator', folder: '/new', tags: ['fresh'], enabled: true, limit: 500 };

const authority = {
  id: '01936c34-3c4d-7e5f-9a6b-7c8d9e0f1a2b',
  name: 'factory',
  status: 'active',
  sha256: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
  distinguishedName: 'O=Example, CN=factory',
  validFrom: AT,
  validUntil: '2036-11-20T10:00:00.000Z',
  subject: { from: 'cn', is: 'serialNumber' },
  enrolment: { ...enrolment, enrolled: 17 },
  lastUsedAt: LATER,
  version: 20,
  createdAt: AT,
};

const claimKey = {
  id: '01936c35-4d5e-7f6a-8b7c-8d9e0f1a2b3c',
  name: 'line 4, week 48',
  hint: 'q3Zk',
  status: 'active',
  deviceType: 'radiator',
  interface: 'mqtt',
  folder: '/new',
  tags: [],
  limit: 200,
  enrolled: 3,
  validUntil: LATER,
  version: 4,
  createdAt: AT,
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

const group = {
  id: '01936c35-6b7a-7c8d-9e0f-1a2b3c4d5e6f',
  name: 'roofs',
  description: 'Under the sun',
  filter: 'tags==roof;folder==/paris/*',
  version: 1,
  createdAt: AT,
};

const targetPreview = {
  matched: 412,
  sample: [{ id: DEVICE_ID, name: 'radiator-17', deviceType: 'radiator', folder: '/paris/building-2' }],
  byDeviceType: { radiator: 412 },
};

/** By `operationId`. */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  ...CAMPAIGN_EXAMPLES,

  getMe: { response: { id: 'local-admin', kind: 'api-key', tenantId: 'default' } },

  createDeviceType: {
    request: { name: 'radiator', description: 'Radiator valves', settings: { plainTelemetry: true } },
    response: deviceType,
  },
  listDeviceTypes: { response: page(deviceType) },
  getDeviceType: { response: deviceType },
  editDeviceType: {
    request: { description: null, settings: { timestampPath: 'meta.time' } },
    response: {
      ...deviceType,
      description: undefined,
      settings: { plainTelemetry: true, timestampPath: 'meta.time' },
      version: 2,
    },
  },
  listAppVersions: { response: page(appVersion) },
  getAppVersion: { response: appVersion },
  addAppVersion: { request: { name: 'radiator-v1' }, response: appVersion },

  createDevice: {
    request: {
      name: 'radiator-17',
      deviceType: 'radiator',
      folder: '/paris/building-2',
      tags: ['roof'],
      metadata: { room: 'kitchen' },
    },
    response: {
      ...device,
      syncState: 'none',
      configId: '',
      connectivity: { connected: false, since: null, lastSeenAt: null },
      token: 'Kx7eQm2RvT9pLw4ZsB8nYc3D',
      credential: { kind: 'token' },
    },
  },
  listDevices: { response: { ...page(device), stateAsOf: LATER, stateLagSeconds: 0.4 } },
  getFilterFields: {
    response: {
      items: [
        {
          name: 'syncState',
          kind: 'text',
          operators: ['==', '!=', '=in=', '=out=', '=exists='],
          indexed: ['==', '=in=', '!=', '=out='],
          values: ['in_sync', 'pending', 'dispatched', 'rejected', 'unconfirmed', 'none'],
        },
        {
          name: 'reported.<key>',
          kind: 'json',
          operators: ['==', '!=', '<', '<=', '>', '>=', '=in=', '=out=', '=exists='],
          indexed: ['==', '=in='],
          keys: ['firmware_version', 'interval'],
          complete: true,
        },
      ],
    },
  },
  getFilterValues: {
    response: {
      items: [
        { value: '1.1', devices: 840 },
        { value: '1.2', devices: 160 },
      ],
      complete: true,
    },
  },
  getFleetSummary: {
    response: {
      total: 1000,
      connectivity: { connected: 930, disconnected: 40, neverSeen: 20, unknown: 10 },
      syncStates: { in_sync: 900, pending: 60, dispatched: 10, rejected: 8, unconfirmed: 2, none: 20 },
      interfaces: { mqtt: 990, http: 10, iothub: 0 },
      deviceTypes: [{ name: 'radiator', devices: 1000 }],
      appVersions: [{ deviceType: 'radiator', name: 'radiator-v1', devices: 1000 }],
      software: [{ software: 'default', version: '1.1', devices: 840 }],
      stateAsOf: LATER,
      stateLagSeconds: 0.4,
    },
  },
  getDevice: { response: device },
  getConnectivity: { response: { ...device.connectivity, interface: 'mqtt' } },
  editDevice: {
    request: { tags: ['roof', 'north'], serialNumber: null },
    response: { ...device, version: 4 },
  },

  createGroup: {
    request: { name: 'roofs', description: 'Under the sun', filter: 'tags==roof;folder==/paris/*' },
    response: group,
  },
  listGroups: { response: page(group) },
  getGroup: { response: { ...group, count: 412 } },
  editGroup: { request: { description: null }, response: { ...group, description: undefined, version: 2 } },

  deleteDevice: { response: { jobId: JOB_ID } },
  importDevices: {
    request:
      'name,deviceType,folder,tags,metadata.floor\r\nradiator-18,radiator,/paris/building-2,roof;north,3\r\n',
    response: { jobId: JOB_ID },
  },
  getImport: {
    response: {
      id: JOB_ID,
      dryRun: false,
      createdAt: AT,
      rows: 100_000,
      waiting: 41_500,
      created: 58_000,
      updated: 300,
      unchanged: 199,
      failed: 1,
    },
  },
  listImportedRows: {
    response: page(
      {
        line: 2,
        outcome: 'created',
        deviceId: DEVICE_ID,
        name: 'radiator-17',
        token: 'Kx7eQm2RvT9pLw4ZsB8nYc3D',
      },
      {
        line: 3,
        outcome: 'failed',
        name: 'radiator-18',
        code: 'serial-number-taken',
        detail: 'Another device has the serial number "SN-18".',
      },
    ),
  },
  startDeviceBulk: {
    request: {
      target: { filter: 'deviceType==radiator;tags==roof' },
      expectedCount: 412,
      tags: { add: ['winter'], remove: ['summer'] },
      folder: '/paris/building-3',
      metadata: { floor: 2, room: null },
    },
    response: { jobId: JOB_ID },
    preview: targetPreview,
  },

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

  getMetadata: { response: device.metadata },
  getMetadataKey: { response: 'kitchen' },
  changeMetadata: { request: { room: 'kitchen', floor: 2, old: null }, response: device },
  setMetadataKey: { request: 'kitchen', response: device },

  issueToken: {
    request: { token: 'my-first-token' },
    response: { ...token, hint: 'my-f', status: 'inactive', token: 'my-first-token' },
  },
  listTokens: { response: page(token) },
  getToken: { response: token },
  changeTokenStatus: { request: { status: 'suspended' }, response: { ...token, status: 'suspended' } },

  issueCredential: {
    request: { kind: 'secret' },
    response: { ...credential, secret: 'b25seS1hbi1leGFtcGxlLW9ubHktYW4tZXhhbXBsZS0' },
  },
  listCredentials: { response: page(credential) },
  getCredential: { response: credential },
  editCredential: { request: { status: 'suspended' }, response: { ...credential, status: 'suspended' } },
  rotateCredential: {
    request: { overlapSeconds: 3600 },
    response: { ...password, lastUsedAt: undefined, password: 'YW4tZXhhbXBsZS1vbmx5LWFuLWV4YW1wbGUtb25seS0' },
  },

  registerCertificateAuthority: {
    request: { name: 'factory', certificate: PEM, subject: authority.subject, enrolment },
    response: {
      ...authority,
      status: 'unverified',
      verificationCode: '4f0c2f6a1d8b4b0e9c3a7d5e6f1b2a3c',
      enrolment: { ...enrolment, enrolled: 0 },
      lastUsedAt: undefined,
      version: 1,
    },
  },
  verifyCertificateAuthority: {
    request: { certificate: PEM },
    response: { ...authority, lastUsedAt: undefined, version: 2 },
  },
  listCertificateAuthorities: { response: page(authority) },
  getCertificateAuthority: { response: authority },
  editCertificateAuthority: {
    request: { enrolment: { ...enrolment, enabled: false } },
    response: { ...authority, enrolment: { ...enrolment, enabled: false, enrolled: 17 } },
  },
  deleteCertificateAuthority: {},

  issueClaimKey: {
    request: { name: 'line 4, week 48', deviceType: 'radiator', folder: '/new', limit: 200 },
    response: {
      ...claimKey,
      enrolled: 0,
      version: 1,
      claimKey: 'q3ZkYW4tZXhhbXBsZS1vbmx5LWFuLWV4YW1wbGUtbw',
    },
  },
  listClaimKeys: { response: page(claimKey) },
  getClaimKey: { response: claimKey },
  editClaimKey: { request: { status: 'revoked' }, response: { ...claimKey, status: 'revoked' } },
  deleteClaimKey: {},

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
