import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { Bus } from '@muster/messaging';
import type { Logger, Metrics } from '@muster/observability';
import { AccessQuestions } from './access-questions.js';
import { arrivalClock } from './arrival-clock.js';
import { BoundedLog } from './bounded-log.js';
import { CommandRoutes, type ReachedSince } from './command.route.js';
import { ConfigurationRoutes } from './configuration.route.js';
import { DeviceDirectory } from './device-directory.js';
import { deviceRequests, type DeviceRequest, type Outcome } from './device-requests.js';
import { DirectoryFollower } from './directory-follower.js';
import { LastSeenTimes } from './last-seen.js';
import { MetadataRoutes } from './metadata.route.js';
import { RateLimits, type RateLimitOptions } from './rate-limits.js';
import { routesOf } from './routes.js';
import { Sightings } from './sightings.js';
import { SoftwareRoutes } from './software.route.js';
import { TelemetryRoute } from './telemetry.route.js';
import { tokenAdmission } from './token-admission.js';
import { UploadTokenRoute } from './upload-token.route.js';

export interface UplinkOptions {
  /** Devices of another interface are refused, and told so. */
  readonly door: DeviceInterface;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Batches under way at the same time, per service. */
  readonly lanes: number;
  /** How long the first message of a batch waits for others. */
  readonly batchWaitMs: number;
  /** A message that fails alone for so long is given up, also when nothing else succeeds. */
  readonly setAsideAfterSeconds: number;
  /** A message that is not answered for so long, while its service answers others, is given up. */
  readonly setLateAsideAfterSeconds: number;
  readonly maxPayloadBytes: number;
  /** Absent: the door keeps the pace of its devices before anything comes here. */
  readonly rateLimits?: RateLimitOptions;
  /** Since when what is pushed to a topic has reached who is subscribed to it; undefined, and the default: nobody knows. */
  readonly reachedSince?: ReachedSince;
  /** A device's `lastSeenAt` is told at most once in so many seconds. */
  readonly lastSeenSeconds: number;
}

/** What an adapter is made of behind its transport. */
export interface Uplink {
  readonly directory: DeviceDirectory;
  readonly follower: DirectoryFollower;
  readonly questions: AccessQuestions;
  readonly sightings: Sightings;
  readonly refusals: BoundedLog;
  /** Now, for what has just come to the door: Unix microseconds, no two alike and each later than the one before. */
  readonly arrival: () => number;
  /** Whose a token of kp1 is, for doors that know a device by it. Never rejects. */
  readonly admit: ReturnType<typeof tokenAdmission>;
  /** One request of a device that is identified already. Never rejects. */
  readonly answer: (request: DeviceRequest) => Promise<Outcome>;
  /** For the health page: throws while a service does not take what devices send. */
  checkServices(): void;
  isServiceAway(): boolean;
  /** Gives up what waits for a service; its outcome is `abandoned`. */
  giveUp(): void;
  /** Follows nothing any more, after what is to be said of devices was said. */
  stop(): Promise<void>;
}

/** Every resource of kp1 over one bus; begins to read the directory at once. */
export const openUplink = (options: UplinkOptions): Uplink => {
  const { door, bus, logger, metrics, lanes, batchWaitMs, maxPayloadBytes } = options;
  const directory = new DeviceDirectory(door);
  const follower = new DirectoryFollower(directory, bus, logger);
  const questions = new AccessQuestions(directory, bus);
  const sightings = new Sightings(directory, bus, logger);
  const lastSeen = new LastSeenTimes(bus, options.lastSeenSeconds * 1_000, logger);
  const refusals = new BoundedLog(logger);
  const setAsideAfterMs = options.setAsideAfterSeconds * 1_000;
  const setLateAsideAfterMs = options.setLateAsideAfterSeconds * 1_000;
  const batching = { logger, lanes, maxWaitMs: batchWaitMs, setAsideAfterMs, setLateAsideAfterMs };
  const routes = {
    telemetry: new TelemetryRoute(bus, batching),
    metadata: new MetadataRoutes(bus, batching),
    commands: new CommandRoutes(bus, batching, options.reachedSince),
    configuration: new ConfigurationRoutes(bus, batching, sightings),
    software: new SoftwareRoutes(bus, batching),
    uploads: new UploadTokenRoute(bus),
  };
  const batchers = [
    routes.telemetry.batcher,
    routes.metadata.batcher,
    routes.commands.batcher,
    routes.configuration.batcher,
    routes.configuration.stateBatcher,
    routes.software.batcher,
  ];
  const answer = deviceRequests({
    routes: routesOf(routes),
    sightings,
    lastSeen,
    ...(options.rateLimits === undefined ? {} : { limits: new RateLimits(options.rateLimits) }),
    refusals,
    metrics,
    maxPayloadBytes,
  });
  return {
    directory,
    follower,
    questions,
    sightings,
    refusals,
    arrival: arrivalClock(),
    admit: tokenAdmission({ questions, refusals, maxPayloadBytes }),
    answer,
    checkServices: () => {
      for (const batcher of batchers) batcher.check();
    },
    isServiceAway: () => batchers.some((batcher) => batcher.isFailing()),
    giveUp: () => {
      for (const batcher of batchers) batcher.stop();
    },
    stop: async () => {
      await sightings.stop();
      await lastSeen.stop();
      await follower.stop();
    },
  };
};
