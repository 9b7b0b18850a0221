import { Agent } from 'node:https';
import { connect } from 'node:tls';
import { AmqpServer } from './amqp/amqp-server.js';
import type { Faults } from './hub/faults.js';
import { Hub, newKey } from './hub/hub.js';
import type { RouteSource } from './hub/hub-events.js';
import type { KeyPair } from './hub/identity.js';
import type { QuotaOptions } from './hub/quotas.js';
import { clientCertificateOf, listen, type Listener } from './listener.js';
import { MqttServer } from './mqtt/mqtt-server.js';
import { hubOptions, type SimulatorOptions } from './options.js';
import { restListener } from './rest/rest-server.js';
import type { AuthorizeContext } from './security/authorize.js';
import { makeCertificate } from './security/certificates.js';
import { Policies } from './security/policies.js';

/** A hub that runs, and what can be done to it that no client can. */
export interface Simulator {
  /** `HostName` of connection strings. */
  readonly hostName: string;
  /** Each speaks REST, AMQP and MQTT. */
  readonly ports: readonly number[];
  /** What clients must trust, PEM: `NODE_EXTRA_CA_CERTS`, or the option `ca`. */
  readonly authority: string;
  readonly eventHubName: string;
  readonly faults: Faults;

  /** Of a policy; default `iothubowner`. */
  connectionString(policy?: string): string;
  /** Of the Event Hubs-compatible endpoint; default with `service`. */
  eventHubConnectionString(policy?: string): string;
  /** Throws where the device is not registered; without a key where it has none. */
  deviceConnectionString(deviceId: string): string;
  /** Leads every HTTPS call to the simulator: for Microsoft's `Registry`, which always calls port 443. */
  httpsAgent(): Agent;

  /** With keys that are made; for another identity use the REST API. Throws where there is one already. */
  createDevice(deviceId: string): void;
  /** Devices whose certificates it has signed are let in when their identity is of type `certificateAuthority`. PEM. */
  addDeviceAuthority(certificate: string): void;
  removeDeviceAuthority(certificate: string): void;
  setRoutes(routes: readonly RouteSource[]): void;
  /** Undefined: nothing is throttled. Buckets are full again. */
  setQuotas(quotas: QuotaOptions | undefined): void;
  addConsumerGroup(name: string): void;

  /** Revokes a key and makes another, or the one that is given. Devices that came in with it are disconnected. */
  regenerateKey(policy: string, which?: keyof KeyPair): KeyPair;
  /** Cuts all AMQP connections, as a lost network does; with a condition the hub says it first. Returns how many. */
  dropAmqp(condition?: string, description?: string): number;
  /** Cuts a device's connection, as a lost network does. False: it had none. */
  dropDevice(deviceId: string): boolean;
  /** Rejects the oldest message that waits for a device, as that does over AMQP or HTTPS: MQTT has no word for it. False: none waits. */
  rejectMessage(deviceId: string): boolean;
  /** Moves the hub's clock: expiries, locks, retention, quotas. Not that of signatures: for it there is the fault `clock-skew`. */
  advanceTime(ms: number): void;

  close(): Promise<void>;
}

/** How often the hub looks at its clock. */
const TICK_MS = 50;

/** Starts a hub in this process. Rejects when a port is taken. */
export const startSimulator = async (options: SimulatorOptions = {}): Promise<Simulator> => {
  const { address = '127.0.0.1', ports = [0], log = () => undefined } = options;
  const authority =
    options.authority ??
    (await makeCertificate({ commonName: 'IoT Hub simulator authority', isAuthority: true }));
  const serverName = nameOf(options.hostName ?? 'localhost');
  const certificate = await makeCertificate({
    commonName: serverName,
    issuer: authority,
    names: [...new Set(['localhost', '127.0.0.1', serverName])],
  });

  let advancedMs = 0;
  const policies = new Policies(newKey, options.policyKeys);
  const hub = new Hub(
    hubOptions(options, serverName.split('.')[0] ?? serverName),
    { now: () => Date.now() + advancedMs },
    { now: () => Date.now() },
  );
  const deviceAuthorities = new Set<string>();
  const hostNames = new Set<string>();
  const authorization = (): AuthorizeContext => ({ policies, hostNames, now: hub.signatureNow() });

  const amqp = { name: serverName, port: 0 };
  const amqpServer = new AmqpServer({ hub, authorization, host: amqp, log });
  const mqttServer = new MqttServer({
    hub,
    authorization,
    certificateOf: (socket) => clientCertificateOf(socket, deviceAuthorities.size > 0),
    log,
  });
  const listeners: Listener[] = [];
  const timer = setInterval(() => {
    hub.tick();
    amqpServer.tick();
  }, TICK_MS);
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  try {
    for (const port of ports) {
      listeners.push(
        await listen(port, {
          certificate: {
            ...certificate,
            certificate: `${certificate.certificate}\n${authority.certificate}`,
          },
          host: address,
          deviceAuthorities: () => [...deviceAuthorities],
          rest: restListener({ hub, authorization, log }),
          amqp: (socket) => amqpServer.accept(socket),
          mqtt: (socket) => mqttServer.accept(socket),
        }),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }

  const first = listeners[0];
  if (first === undefined) throw new Error('ports is empty');
  const { port } = first;
  amqp.port = port;
  const hostName = options.hostName ?? `localhost:${port}`;
  for (const name of ['localhost', '127.0.0.1', hostName, serverName]) {
    hostNames.add(name.toLowerCase());
    for (const listener of listeners) hostNames.add(`${name}:${listener.port}`.toLowerCase());
  }
  const refresh = (): void => {
    for (const listener of listeners) listener.refresh();
  };

  return {
    hostName,
    ports: listeners.map((listener) => listener.port),
    authority: authority.certificate,
    eventHubName: hub.events.name,
    faults: hub.faults,

    connectionString: (policy = 'iothubowner') =>
      `HostName=${hostName};SharedAccessKeyName=${policy};SharedAccessKey=${policies.get(policy).primaryKey}`,
    eventHubConnectionString: (policy = 'service') =>
      `Endpoint=sb://${serverName}:${port}/;SharedAccessKeyName=${policy};SharedAccessKey=${policies.get(policy).primaryKey};EntityPath=${hub.events.name}`,
    deviceConnectionString: (deviceId) => {
      const { authentication } = hub.registry.get(deviceId).identity;
      const gateway = options.hostName === undefined ? '' : `;GatewayHostName=localhost:${port}`;
      const proof =
        authentication.type === 'sas' ? `SharedAccessKey=${authentication.keys.primaryKey}` : 'x509=true';
      return `HostName=${hostName};DeviceId=${deviceId};${proof}${gateway}`;
    },
    httpsAgent: () => new SimulatorAgent(port, authority.certificate),

    createDevice: (deviceId) => {
      hub.registry.put(deviceId, {});
    },
    addDeviceAuthority: (pem) => {
      deviceAuthorities.add(pem);
      refresh();
    },
    removeDeviceAuthority: (pem) => {
      deviceAuthorities.delete(pem);
      refresh();
    },
    setRoutes: (routes) => {
      hub.routes.clear();
      for (const route of routes) hub.routes.add(route);
    },
    setQuotas: (quotas) => hub.setQuotas(quotas),
    addConsumerGroup: (name) => hub.events.addConsumerGroup(name),

    regenerateKey: (policy, which = 'primaryKey') => {
      const { primaryKey, secondaryKey } = policies.setKey(policy, which);
      hub.closeInvalidSessions();
      return { primaryKey, secondaryKey };
    },
    dropAmqp: (condition, description = 'The connection was dropped on purpose') =>
      amqpServer.drop(condition === undefined ? undefined : { condition, description }),
    dropDevice: (deviceId) => {
      const { session } = hub.registry.get(deviceId);
      session?.close('dropped on purpose');
      return session !== undefined;
    },
    rejectMessage: (deviceId) => hub.rejectOldest(deviceId),
    advanceTime: (ms) => {
      advancedMs += ms;
      hub.tick();
    },
    close,
  };
};

const nameOf = (hostName: string): string => hostName.replace(/:\d+$/, '');

class SimulatorAgent extends Agent {
  constructor(
    private readonly port: number,
    private readonly authority: string,
  ) {
    super({ keepAlive: false });
  }

  override createConnection(): ReturnType<typeof connect> {
    return connect({ port: this.port, host: '127.0.0.1', servername: 'localhost', ca: this.authority });
  }
}
