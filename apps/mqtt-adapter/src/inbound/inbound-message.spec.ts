import { describe, expect, it } from '@jest/globals';
import { AppError, type ErrorCode } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { formatTopic, RESOURCES, type ResourceName, type Topic } from '@muster/kp1';
import { createLogger, createMetrics } from '@muster/observability';
import {
  Abandoned,
  BoundedLog,
  deviceRequests,
  tokenAdmission,
  Unprocessable,
  type Admission,
  type RequestParts,
  type Route,
} from '@muster/uplink';
import { destinationOf, DESTINATIONS, REGISTRY, type Destination } from '../broker/topology.js';
import { AckWindow } from './ack-window.js';
import { inboundMessages, type InboundMessage, type InboundParts } from './inbound-message.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const entry: AccessEntry = {
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id-tok1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'mqtt',
  credentialKinds: ['token'],
  secretHashes: [],
};
const welcome: Admission = { admitted: true, entry, settings: {} };

const extensionOf = ({ routingKey }: InboundMessage): string => routingKey.split('.')[2] ?? '';

/** What was said and done, in order. */
const scene = (
  change: Partial<InboundParts & RequestParts> & {
    route?: Route;
    admit?: () => Promise<Admission>;
    admission?: Admission;
    here?: Destination;
  } = {},
) => {
  const done: string[] = [];
  const route: Route = async (message) => {
    done.push('routed');
    return change.route === undefined ? 'body' : change.route(message);
  };
  // Every name of the table is one, which the type of its keys does not say.
  const routes = Object.fromEntries(RESOURCES.map(({ name }) => [name, route])) as Record<
    ResourceName,
    Route
  >;
  const say =
    (suffix: string) =>
    async (topic: Topic, ...rest: unknown[]) => {
      const told = rest.map((one) => (typeof one === 'object' ? (one as InboundMessage).qos : one));
      done.push(`${formatTopic(topic)}/${suffix} ${JSON.stringify(told)}`);
    };
  const acked = (tag: number) => done.push(`acked ${tag}`);
  const window = new AckWindow({ upTo: acked, one: acked }, 100);
  window.delivered(1);
  const answer = deviceRequests({
    routes,
    sightings: { note: () => undefined },
    lastSeen: { note: () => undefined },
    limits: { check: () => ({ verdict: 'pass' }) },
    refusals: new BoundedLog(logger),
    metrics: createMetrics('test'),
    maxPayloadBytes: 100,
    ...change,
  });
  const questions = { admit: change.admit ?? (async () => change.admission ?? welcome) };
  const receive = inboundMessages({
    uplink: {
      admit: tokenAdmission({ questions, refusals: new BoundedLog(logger), maxPayloadBytes: 100 }),
      answer,
    },
    respond: { status: say('status'), error: say('error') },
    park: async (_message, reason) => void done.push(`parked: ${reason}`),
    handOn: async (exchange) => void done.push(`to ${exchange}`),
    logger,
    metrics: createMetrics('test'),
    ...change,
  });
  const message = (routingKey: string, payload = '{}', qos: 0 | 1 = 1): InboundMessage => ({
    routingKey,
    payload: Buffer.from(payload),
    qos,
    redelivered: false,
    duplicate: false,
    waitedMs: 0,
    arrivedAt: 1_795_868_948_000_000,
    isTimed: false,
    deliveryTag: 1,
  });
  return {
    window,
    receive: async (...args: Parameters<typeof message>): Promise<string[]> => {
      const inbound = message(...args);
      await receive(inbound, window, change.here ?? destinationOf(extensionOf(inbound)) ?? REGISTRY);
      window.flush();
      return done;
    },
  };
};

describe('a message that is dealt with', () => {
  it('is answered with the quality of the request, and acknowledged after that', async () => {
    expect(await scene().receive('kp1.v1.dcx.tok1.json.7', '{}', 0)).toEqual([
      'routed',
      'kp1/v1/dcx/tok1/json/7/status ["body",0,null]',
      'acked 1',
    ]);
  });

  it('is not answered when it wrote something without an id', async () => {
    expect(await scene().receive('kp1.v1.dcx.tok1.json')).toEqual(['routed', 'acked 1']);
  });

  it('is answered without an id when it asked for something', async () => {
    expect(await scene().receive('kp1.v1.cmx.tok1.config.json')).toEqual([
      'routed',
      'kp1/v1/cmx/tok1/config/json/status ["body",1,null]',
      'acked 1',
    ]);
  });
});

describe('a message that is refused', () => {
  const refused = (code: ErrorCode, reason: string): Admission => ({ admitted: false, code, reason });

  it.each([
    ['token-unknown', 401],
    ['token-suspended', 403],
    ['token-revoked', 403],
    ['not-allowed', 403],
    ['app-version-not-found', 404],
  ] as const)('because of %s gets %i, with or without an id', async (code, status) => {
    expect(await scene({ admission: refused(code, 'why') }).receive('kp1.v1.dcx.tok1.json')).toEqual([
      `kp1/v1/dcx/tok1/json/error [${status},"why",1]`,
      'acked 1',
    ]);
  });

  it('for its size gets 413 with the limit', async () => {
    expect(await scene().receive('kp1.v1.dcx.tok1.json.7', 'x'.repeat(101))).toEqual([
      'kp1/v1/dcx/tok1/json/7/error [413,"payload must have at most 100 bytes",1]',
      'acked 1',
    ]);
  });

  it('for its size is refused before anybody looks whose it is, so that it never has to be parked', async () => {
    const admit = () => Promise.reject(new TypeError('a bug'));
    expect(await scene({ admit }).receive('kp1.v1.dcx.tok1.json.7', 'x'.repeat(101))).toEqual([
      'kp1/v1/dcx/tok1/json/7/error [413,"payload must have at most 100 bytes",1]',
      'acked 1',
    ]);
  });

  it('for its resource gets 404', async () => {
    expect(await scene().receive('kp1.v1.dcx.tok1.jsn.7')).toEqual([
      'kp1/v1/dcx/tok1/jsn/7/error [404,"unknown resource",1]',
      'acked 1',
    ]);
  });

  it('by the service gets what the service says', async () => {
    const route: Route = async () => {
      throw new AppError('sample-time-out-of-range', 'ts is 40 years ago');
    };
    expect(await scene({ route }).receive('kp1.v1.dcx.tok1.json')).toEqual([
      'routed',
      'kp1/v1/dcx/tok1/json/error [400,"ts is 40 years ago",1]',
      'acked 1',
    ]);
  });

  it.each([
    ['unavailable', 503],
    ['deadline-exceeded', 504],
    ['internal', 500],
  ] as const)('because a fetch found %s gets %i', async (code, status) => {
    const route: Route = async () => {
      throw new AppError(code, 'why');
    };
    expect(await scene({ route }).receive('kp1.v1.cmx.tok1.config.json.1')).toEqual([
      'routed',
      `kp1/v1/cmx/tok1/config/json/1/error [${status},"why",1]`,
      'acked 1',
    ]);
  });
});

describe('a message that cannot be processed', () => {
  it.each([
    [new Unprocessable('internal: a bug'), 'internal: a bug'],
    [new TypeError('cannot read undefined'), 'TypeError: cannot read undefined'],
  ])('is parked with its reason, told, and acknowledged (%s)', async (error, reason) => {
    const route: Route = async () => {
      throw error;
    };
    expect(await scene({ route }).receive('kp1.v1.dcx.tok1.json')).toEqual([
      'routed',
      `parked: ${reason}`,
      'kp1/v1/dcx/tok1/json/error [500,"internal error",1]',
      'acked 1',
    ]);
  });

  it('is not acknowledged before it is safely aside', async () => {
    let tries = 0;
    const done = await scene({
      route: async () => {
        throw new TypeError('a bug');
      },
      park: async () => {
        tries += 1;
        if (tries === 1) throw new AppError('unavailable', 'away');
      },
    }).receive('kp1.v1.dcx.tok1.json');
    expect(tries).toBe(2);
    expect(done.at(-1)).toBe('acked 1');
  });
});

describe('a message that stays the broker’s', () => {
  it('is neither answered nor acknowledged when it was given up', async () => {
    const route: Route = async () => {
      throw new Abandoned('stopping');
    };
    expect(await scene({ route }).receive('kp1.v1.dcx.tok1.json.1')).toEqual(['routed']);
  });

  it('is not answered when its channel is gone: it comes again and is answered then', async () => {
    const here = scene({
      route: async () => {
        here.window.close();
        return '';
      },
    });
    expect(await here.receive('kp1.v1.dcx.tok1.json.1')).toEqual(['routed']);
  });
});

describe('a token that only device-registry could tell of, while it is away', () => {
  const away = () => Promise.reject(new AppError('deadline-exceeded', 'frozen'));

  it('sends a write to the queue of device-registry, where it holds up no known device', async () => {
    expect(await scene({ admit: away }).receive('kp1.v1.dcx.tok1.json')).toEqual([
      'to muster.undecided',
      'acked 1',
    ]);
  });

  it('is told to who asks for something', async () => {
    expect(await scene({ admit: away }).receive('kp1.v1.cmx.tok1.config.json.1')).toEqual([
      'kp1/v1/cmx/tok1/config/json/1/error [504,"frozen",1]',
      'acked 1',
    ]);
  });

  it('is asked for there until there is an answer, and the write goes on to its destination', async () => {
    let tries = 0;
    const admit = async (): Promise<Admission> => {
      tries += 1;
      return tries === 1 ? away() : welcome;
    };
    const done = await scene({ admit, here: REGISTRY }).receive('kp1.v1.dcx.tok1.json');
    expect(tries).toBe(2);
    expect(done).toEqual(['to muster.destinations', 'acked 1']);
  });

  it('may turn out to be nobody’s', async () => {
    const admission: Admission = { admitted: false, code: 'token-unknown', reason: 'unknown endpoint token' };
    expect(await scene({ admission, here: REGISTRY }).receive('kp1.v1.dcx.tok1.json')).toEqual([
      'kp1/v1/dcx/tok1/json/error [401,"unknown endpoint token",1]',
      'acked 1',
    ]);
  });
});

describe('a message in the queue that earlier versions had for all', () => {
  it('is handed on to its destination', async () => {
    const here = DESTINATIONS.find(({ name }) => name === 'telemetry');
    const routed = await scene({ ...(here && { here }) }).receive('kp1.v1.cex.tok1.result.reboot.1');
    expect(routed).toEqual(['to muster.destinations', 'acked 1']);
  });

  it('is not acknowledged before it is safe there', async () => {
    let tries = 0;
    const here = DESTINATIONS.find(({ name }) => name === 'telemetry');
    const done = await scene({
      ...(here && { here }),
      handOn: async () => {
        tries += 1;
        if (tries === 1) throw new AppError('unavailable', 'away');
      },
    }).receive('kp1.v1.cmx.tok1.applied.json');
    expect(tries).toBe(2);
    expect(done).toEqual(['acked 1']);
  });
});

describe('what is no message of a device', () => {
  it.each([
    'kp1.v1.cmx.tok1.config.json.status',
    'kp1.v1.dcx.tok1.json.1.error',
    'kp1.v1.dcx',
    'something.else',
  ])('is dropped: %s', async (key) => expect(await scene().receive(key)).toEqual(['acked 1']));
});
