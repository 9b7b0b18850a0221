import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { resolve } from 'node:path';
import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import express, { type RequestHandler } from 'express';
import { AppError, toProblem } from '@muster/contracts';
import { openFileStore } from '@muster/files';
import { connectBus, streamExtent, subscribeLive, tailEvents } from '@muster/messaging';
import { boundConnections, GuessLimit, refuseUnreadable, trustedProxiesOf } from '@muster/limits';
import {
  combineOps,
  createLogger,
  finishMs,
  NestLogger,
  openOperations,
  opsHandler,
  pagesOfProcess,
  remoteOps,
  stopperOf,
  type Logger,
  type Metrics,
  type OpsHandler,
  type OpsParts,
  type RunningApp,
} from '@muster/observability';
import {
  type Asking,
  ASKING,
  DOOR,
  type FileParts,
  FILES,
  FOLLOWING,
  type Following,
  TAILING,
  type Tailing,
} from './providers.js';
import { CampaignProgressController } from './campaigns/campaign-progress.controller.js';
import { CampaignsController } from './campaigns/campaigns.controller.js';
import { BulkChangesController } from './configuration/bulk-changes.controller.js';
import { CommandsController } from './commands/commands.controller.js';
import { companionsOf, gatewayConfig } from './config.js';
import { serveConsole } from './console/serve-console.js';
import { ConfigurationController } from './configuration/configuration.controller.js';
import { CertificateAuthoritiesController } from './devices/certificate-authorities.controller.js';
import { ClaimKeysController } from './devices/claim-keys.controller.js';
import { CredentialsController } from './devices/credentials.controller.js';
import { DeviceTypesController } from './devices/device-types.controller.js';
import { FoldersController } from './devices/folders.controller.js';
import { GroupsController } from './devices/groups.controller.js';
import { CommandBulkController } from './commands/command-bulk.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { ExportsController } from './imports/exports.controller.js';
import { ImportsController } from './imports/imports.controller.js';
import { DeviceBulkController } from './devices/device-bulk.controller.js';
import { FiltersController } from './devices/filters.controller.js';
import { FleetController } from './devices/fleet.controller.js';
import { DevicesController } from './devices/devices.controller.js';
import { eventDocuments } from './openapi/event-documents.js';
import { FilesController } from './devices/files.controller.js';
import { DownloadTokensController } from './firmware/download-tokens.controller.js';
import { FirmwaresController, FirmwareTypesController } from './firmware/firmwares.controller.js';
import { AnswerInterceptor } from './http/answer.interceptor.js';
import { checkAddress } from './http/address.js';
import { readBody } from './http/body.js';
import { CallerGuard, requireCaller, tellProved } from './http/caller.js';
import { identify, type Door } from './http/door.js';
import { checkMethod } from './http/methods.js';
import {
  documentationHeaders,
  enterTrace,
  logRequests,
  measure,
  operations,
  secureHeaders,
} from './http/entry.js';
import type { OwnAddress } from './http/own-address.js';
import { ProblemFilter } from './http/problem.filter.js';
import { limitTimes } from './http/limit-times.js';
import { relativeErrors } from './http/relative-errors.js';
import { answerNotYet } from './http/not-yet.js';
import { limitRate } from './http/rate-limit.js';
import { IotHubDevicesController } from './iot-hubs/iot-hub-devices.controller.js';
import { IotHubsController } from './iot-hubs/iot-hubs.controller.js';
import { JobsController } from './jobs/jobs.controller.js';
import { IntegrationsController } from './access/integrations.controller.js';
import { MeController } from './access/me.controller.js';
import { SessionsController } from './access/sessions.controller.js';
import { MetadataController } from './devices/metadata.controller.js';
import { openApiDocument } from './openapi/document.js';
import { SoftwareController } from './devices/software.controller.js';
import { ParkedController } from './parked/parked.controller.js';
import { SupervisionsController } from './campaigns/supervisions.controller.js';
import { StreamController } from './stream/stream.controller.js';
import { TelemetryController } from './telemetry/telemetry.controller.js';
import { TokensController } from './devices/tokens.controller.js';
import { TypeConfigurationController } from './configuration/type-configuration.controller.js';

const SERVICE = 'gateway';

export interface GatewayParts {
  readonly asking: Asking;
  readonly following: Following;
  readonly tailing: Tailing;
  readonly files: FileParts;
  readonly adminApiKey: string;
  readonly guesses: GuessLimit;
  readonly own: OwnAddress;
  /** Of its built files. Absent: there is no console. */
  readonly consoleFolder?: string | undefined;
  readonly requestsPerMinute: number;
  readonly bodyTimeoutMs: number;
  /** Called for the connection of everybody who has shown a key. Absent: nobody asks. */
  readonly hasProved?: (socket: Socket) => void;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent: /health and /metrics are on a port of their own. */
  readonly ops?: OpsHandler;
}

@Module({})
export class AppModule {
  static of({ asking, following, tailing, files }: GatewayParts, door: Door): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        MeController,
        SessionsController,
        DeviceTypesController,
        DevicesController,
        FiltersController,
        FleetController,
        DeviceBulkController,
        ImportsController,
        AuditController,
        ExportsController,
        CommandBulkController,
        GroupsController,
        FoldersController,
        MetadataController,
        TokensController,
        CredentialsController,
        CertificateAuthoritiesController,
        ClaimKeysController,
        ConfigurationController,
        TypeConfigurationController,
        TelemetryController,
        CommandsController,
        FirmwareTypesController,
        FirmwaresController,
        DownloadTokensController,
        SoftwareController,
        FilesController,
        IntegrationsController,
        IotHubsController,
        IotHubDevicesController,
        BulkChangesController,
        CampaignsController,
        CampaignProgressController,
        SupervisionsController,
        JobsController,
        StreamController,
        ParkedController,
      ],
      providers: [
        { provide: ASKING, useValue: asking },
        { provide: FOLLOWING, useValue: following },
        { provide: TAILING, useValue: tailing },
        { provide: FILES, useValue: files },
        { provide: DOOR, useValue: door },
      ],
    };
  }
}

/** The HTTP application, not yet listening. */
export const gatewayApp = async (parts: GatewayParts): Promise<INestApplication> => {
  const door: Door = {
    adminApiKey: parts.adminApiKey,
    asking: parts.asking,
    guesses: parts.guesses,
    own: parts.own,
  };
  const server = express();
  server.disable('x-powered-by');
  // Express would make an ETag from the text of any answer; ours are versions.
  server.disable('etag');
  const app = await NestFactory.create(AppModule.of(parts, door), new ExpressAdapter(server), {
    logger: new NestLogger(parts.logger),
    // Bodies are read after authentication, and errors in them are told in our words.
    bodyParser: false,
  });
  const chain: readonly RequestHandler[] = [
    enterTrace,
    ...(parts.ops === undefined ? [] : [operations(parts.ops)]),
    measure(parts.metrics),
    logRequests(parts.logger),
    secureHeaders,
    serveConsole(parts.consoleFolder),
    identify(door),
    tellProved(parts.hasProved),
    limitRate(parts.requestsPerMinute),
    eventDocuments(),
    requireCaller,
    checkAddress,
    checkMethod(server),
    readBody(parts.bodyTimeoutMs),
  ];
  for (const handler of chain) app.use(handler);
  app.use('/api/v1/docs', documentationHeaders);
  app.useGlobalFilters(new ProblemFilter(parts.logger));
  app.useGlobalGuards(new CallerGuard());
  app.useGlobalInterceptors(new AnswerInterceptor());
  SwaggerModule.setup('api/v1/docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'api/v1/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Muster API',
  });
  return app;
};

export interface RunningGateway extends RunningApp {
  /** Where the API listens. */
  readonly port: number;
}

/**
 * Resolves when the API is served. Listens at once, and waits for NATS as long as it takes: until then every request is
 * answered with 503, but for the pages of health and metrics, which are on this port where they have none of their own.
 */
export const start = async (env?: Readonly<Record<string, string | undefined>>): Promise<RunningGateway> => {
  const config = gatewayConfig(env);
  const companions = companionsOf(config).map(({ name, url }) => ({ name, ops: remoteOps(url) }));
  const logger = createLogger({ service: SERVICE, level: config.logLevel });
  const operations = await openOperations({ name: SERVICE, ...config });
  const { health, metrics } = operations;
  const own = pagesOfProcess();
  const pages: OpsParts =
    companions.length === 0 ? own : combineOps([{ name: SERVICE, ops: own }, ...companions]);
  const ops = config.opsPort === undefined ? opsHandler(pages) : undefined;

  let serve: RequestListener = (request, response) => {
    if (ops?.(request, response) !== true) answerNotYet(response);
  };
  const server = createServer({ connectionsCheckingInterval: 1_000 }, (request, response) =>
    serve(request, response),
  );
  limitTimes(server);
  refuseUnreadable(server, (status, reason) => ({
    type: 'application/problem+json',
    body: JSON.stringify({ ...toProblem(new AppError('invalid-request', `${reason}.`)), status }),
  }));
  const trustedProxies = trustedProxiesOf(config.trustedProxies);
  const bounds = boundConnections(server, { ...config, trustedProxies });
  const stopServer = stopperOf(server);
  server.listen(config.port, config.host);
  await once(server, 'listening');

  const store = await openFileStore(config);
  health.waitsFor('nats');
  const bus = await connectBus({
    url: config.natsUrl,
    credentials: config.natsCredentials,
    name: SERVICE,
    logger,
    metrics,
  });
  health.waitsFor('start');
  health.add('nats', () => {
    if (!bus.isConnected()) throw new AppError('unavailable', 'not connected');
  });
  const app = await gatewayApp({
    asking: relativeErrors(bus, config.requestTimeoutMs),
    following: (options) => subscribeLive(bus, { ...options, logger }),
    tailing: {
      extentOf: (stream) => streamExtent(bus, stream),
      tail: (options) => tailEvents(bus, { ...options, logger }),
      maxStreams: config.maxStreams,
      maxSources: config.streamSources,
      keepAliveMs: config.streamKeepAliveMs,
    },
    files: { store, ...config },
    adminApiKey: config.adminApiKey,
    guesses: new GuessLimit({ burst: config.guessesAtOnce, perMinute: config.guessesPerMinute }),
    own: { trustedProxies, publicUrl: config.publicUrl },
    consoleFolder: config.console === undefined ? undefined : resolve(config.console),
    requestsPerMinute: config.requestsPerMinute,
    bodyTimeoutMs: config.bodyTimeoutMs,
    hasProved: (socket) => bounds.hasProved(socket),
    logger,
    metrics,
    ...(ops === undefined ? {} : { ops }),
  });
  await app.init();
  serve = app.getHttpAdapter().getInstance() as RequestListener; // Express's application is one
  health.started();
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a pipe's name
  logger.info({ host: config.host, port }, 'the REST API listens');
  return {
    name: SERVICE,
    ops: operations,
    stopSeconds: config.stopSeconds,
    port,
    stop: async () => {
      // Together: closing the application lets go of those who wait for a device, and the server answers them.
      await Promise.all([stopServer(finishMs(config)), app.close()]);
      await bus.close();
      store.close();
      await operations.close();
    },
  };
};
