import {
  AT,
  LATER,
  DEVICE_ID,
  JOB_ID,
  OPERATOR,
  TYPE_ID,
  page,
  targetPreview,
  type Example,
} from './example.js';

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

const token = {
  id: '01936c2e-8f3b-7d52-8e1f-6c8b2a3d4e5f',
  hint: 'Kx7e',
  status: 'active',
  createdAt: AT,
};

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

const group = {
  id: '01936c35-6b7a-7c8d-9e0f-1a2b3c4d5e6f',
  name: 'roofs',
  description: 'Under the sun',
  filter: 'tags==roof;folder==/paris/*',
  version: 1,
  createdAt: AT,
};

const folder = {
  id: '01936c36-7c8d-7e9f-8a1b-2c3d4e5f6a7b',
  name: 'building-2',
  path: '/paris/building-2',
  parentId: '01936c36-5a6b-7c8d-9e0f-1a2b3c4d5e6f',
  folders: 3,
  version: 1,
  createdAt: AT,
};

/** Device types, devices, and what lets them in. By `operationId`. */
export const DEVICE_EXAMPLES: Readonly<Record<string, Example>> = {
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
      nextCursor: null,
    },
  },
  getFilterValues: {
    response: {
      items: [
        { value: '1.1', devices: 840 },
        { value: '1.2', devices: 160 },
      ],
      nextCursor: null,
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
  getConnectivity: {
    response: {
      ...device.connectivity,
      interface: 'mqtt',
      connections: [
        {
          clientId: 'radiator-17',
          deviceId: DEVICE_ID,
          transport: 'tls',
          protocol: '3.1.1',
          address: '192.0.2.7',
          since: AT,
        },
      ],
      lastEnded: { at: AT, reason: 'keepalive', clientId: 'radiator-17' },
    },
  },
  editDevice: {
    request: { tags: ['roof', 'north'], serialNumber: null },
    response: { ...device, version: 4 },
  },

  createFolder: { request: { path: '/paris/building-2' }, response: { ...folder, folders: 0 } },
  listFolders: { response: page(folder) },
  getFolder: { response: { ...folder, count: 412 } },
  editFolder: {
    request: { name: 'annexe' },
    response: { ...folder, name: 'annexe', path: '/paris/annexe', jobId: JOB_ID, version: 2 },
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
  listImports: {
    response: page({
      id: JOB_ID,
      dryRun: false,
      createdAt: AT,
      createdBy: OPERATOR,
      kind: 'device-import',
      status: 'in_progress',
      total: 100_000,
      done: 58_500,
      failed: 1,
    }),
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
  editToken: {
    request: { validUntil: '2026-12-24T00:00:00Z' },
    response: { ...token, validUntil: '2026-12-24T00:00:00.000Z', lastUsedAt: LATER },
  },

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
};
