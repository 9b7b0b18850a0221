import type { AccessEntry, DeviceTypeSettings } from '@muster/contracts';
import type { ResourceName, Topic } from '@muster/kp1';
import type { ConfigurationRoutes } from './configuration.route.js';
import type { TelemetryRoute } from './telemetry.route.js';

/** A message of a device that may send it, on a resource that exists. */
export interface RoutedMessage {
  readonly topic: Topic;
  /** Values of the `{name}` levels of the resource's path. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  readonly entry: AccessEntry;
  readonly settings: DeviceTypeSettings;
  readonly redelivered: boolean;
  readonly duplicate: boolean;
  /** False when nobody waits for the outcome: over MQTT it will be delivered again, over HTTP the connection is gone. */
  readonly isWanted: () => boolean;
}

/**
 * Resolves with the body of the answer, after the service has done its work for good. Throws `PayloadError` or `AppError`
 * for what the device is told, `Abandoned`, or anything else for a bug of ours.
 */
export type Route = (message: RoutedMessage) => Promise<string>;

/** Every resource of kp1's table has exactly one route. */
export const routesOf = (
  telemetry: TelemetryRoute,
  configuration: ConfigurationRoutes,
): Readonly<Record<ResourceName, Route>> => ({
  telemetry: (message) => telemetry.store(message),
  configuration: (message) => configuration.fetch(message),
  'configuration-applied': (message) => configuration.applied(message),
});
