import { AT, OPERATOR, page, type Example } from './example.js';

const iotHub = {
  id: '01936c34-4d5e-7f60-8b7c-8d9e0f1a2b3c',
  name: 'factory',
  hostName: 'factory.azure-devices.net',
  policy: 'muster',
  keyFingerprint: '5f3c1e9a7b2d4c60',
  consumerGroup: 'muster',
  tier: 'S1',
  units: 1,
  deviceTypes: [],
  version: 1,
  createdAt: AT,
  createdBy: OPERATOR,
};

/** By `operationId`. */
export const IOT_HUB_EXAMPLES: Readonly<Record<string, Example>> = {
  createIotHub: {
    request: {
      name: 'factory',
      connectionString:
        'HostName=factory.azure-devices.net;SharedAccessKeyName=muster;SharedAccessKey=q83v…=',
      consumerGroup: 'muster',
    },
    response: iotHub,
  },
  listIotHubs: {
    response: page({
      ...iotHub,
      health: {
        state: 'limited',
        message: 'it may not be asked as often as there is something for it',
        waiting: 120,
        until: AT,
      },
    }),
  },
  getIotHub: {
    response: {
      ...iotHub,
      health: { state: 'works', waiting: 0 },
      enrolment: {
        enabled: true,
        deviceType: '01936c34-4d5e-7f60-8b7c-8d9e0f1a2b3e',
        folder: '/plants',
        limit: 1000,
        authentication: ['certificateAuthority', 'selfSigned'],
        enrolled: 17,
      },
      routes: [
        { source: 'DeviceMessages', state: 'works', message: 'it has told something', seenAt: AT },
        {
          source: 'TwinChangeEvents',
          state: 'works',
          message: 'what the last check did in the hub was told',
        },
      ],
    },
  },
  editIotHub: { request: { name: 'plant' }, response: { ...iotHub, name: 'plant', version: 2 } },
  checkIotHub: {
    response: {
      works: false,
      faults: [
        {
          about: 'right',
          message: 'policy "muster" of factory.azure-devices.net has no right RegistryWrite',
        },
      ],
      endpoint: {
        hostName: 'ihsuprodres042dednamespace.servicebus.windows.net',
        eventHub: 'iothub-ehub-factory-1234567-0a1b2c3d4e',
        partitions: ['0', '1', '2', '3'],
      },
    },
  },
  reconcileIotHub: {
    request: { dryRun: true },
    response: { jobId: '01936c34-4d5e-7f60-8b7c-8d9e0f1a2b3d' },
  },
  listIotHubFindings: {
    response: page({
      hubDeviceId: 'press-17',
      finding: 'unknown',
      outcome: 'open',
      jobId: '01936c34-4d5e-7f60-8b7c-8d9e0f1a2b3d',
      at: AT,
    }),
  },

  getHubDevice: {
    response: {
      hubId: iotHub.id,
      hub: 'factory',
      hostName: 'factory.azure-devices.net',
      hubDeviceId: 'k3Jq9ZtYw2PvXh5LmRbN8sDc',
      identity: 'made',
      connected: true,
      foreignChange: { at: AT, keys: ['muster'], undone: true },
    },
  },
  readHubConnectionString: {
    response: {
      connectionString:
        'HostName=factory.azure-devices.net;DeviceId=k3Jq9ZtYw2PvXh5LmRbN8sDc;SharedAccessKey=q83v…=',
    },
  },
};
