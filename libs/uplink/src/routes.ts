import type { ResourceName } from '@muster/kp1';
import type { CommandRoutes } from './command.route.js';
import type { ConfigurationRoutes } from './configuration.route.js';
import type { MetadataRoutes } from './metadata.route.js';
import type { Route } from './routed-message.js';
import type { SoftwareRoutes } from './software.route.js';
import type { TelemetryRoute } from './telemetry.route.js';
import type { UploadTokenRoute } from './upload-token.route.js';

export interface RouteParts {
  readonly telemetry: TelemetryRoute;
  readonly metadata: MetadataRoutes;
  readonly commands: CommandRoutes;
  readonly configuration: ConfigurationRoutes;
  readonly software: SoftwareRoutes;
  readonly uploads: UploadTokenRoute;
}

/** Every resource of kp1's table has exactly one route. */
export const routesOf = ({
  telemetry,
  metadata,
  commands,
  configuration,
  software,
  uploads,
}: RouteParts): Readonly<Record<ResourceName, Route>> => ({
  telemetry: (message) => telemetry.store(message),
  'telemetry-plain': (message) => telemetry.storePlain(message),
  'metadata-keys': (message) => metadata.keys(message),
  metadata: (message) => metadata.read(message),
  'metadata-replace': async (message) => metadata.update(message, 'full'),
  'metadata-merge': async (message) => metadata.update(message, 'partial'),
  'metadata-delete': async (message) => metadata.delete(message),
  commands: (message) => commands.fetch(message),
  'commands-of-type': (message) => commands.fetch(message),
  'command-results': (message) => commands.results(message),
  configuration: (message) => configuration.fetch(message),
  'configuration-named': (message) => configuration.fetch(message),
  'configuration-applied': (message) => configuration.applied(message),
  'configuration-applied-named': (message) => configuration.applied(message),
  'state-report': (message) => configuration.reportState(message),
  state: (message) => configuration.state(message),
  software: (message) => software.fetch(message),
  'software-named': (message) => software.fetch(message),
  'software-applied': (message) => software.applied(message),
  'software-applied-named': (message) => software.applied(message),
  'upload-token': (message) => uploads.issue(message),
});
