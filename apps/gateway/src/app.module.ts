import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import express, { type RequestHandler } from 'express';
import { NestLogger, type Logger, type Metrics, type OpsHandler } from '@muster/observability';
import { type Asking, ASKING, type FileParts, FILES, FOLLOWING, type Following } from './providers.js';
import { BulkChangesController } from './configuration/bulk-changes.controller.js';
import { CommandsController } from './commands/commands.controller.js';
import { ConfigurationController } from './configuration/configuration.controller.js';
import { CredentialsController } from './devices/credentials.controller.js';
import { DeviceTypesController } from './devices/device-types.controller.js';
import { DevicesController } from './devices/devices.controller.js';
import { eventDocuments } from './openapi/event-documents.js';
import { FilesController } from './devices/files.controller.js';
import { FirmwaresController, FirmwareTypesController } from './firmware/firmwares.controller.js';
import { AnswerInterceptor } from './http/answer.interceptor.js';
import { checkAddress } from './http/address.js';
import { readBody } from './http/body.js';
import { CallerGuard, identify, requireCaller } from './http/caller.js';
import { checkMethod } from './http/methods.js';
import {
  documentationHeaders,
  enterTrace,
  logRequests,
  measure,
  operations,
  secureHeaders,
} from './http/entry.js';
import { ProblemFilter } from './http/problem.filter.js';
import { limitRate } from './http/rate-limit.js';
import { JobsController } from './jobs/jobs.controller.js';
import { IntegrationsController } from './access/integrations.controller.js';
import { MeController } from './access/me.controller.js';
import { MetadataController } from './devices/metadata.controller.js';
import { openApiDocument } from './openapi/document.js';
import { SoftwareController } from './devices/software.controller.js';
import { ParkedController } from './parked/parked.controller.js';
import { TelemetryController } from './telemetry/telemetry.controller.js';
import { TokensController } from './devices/tokens.controller.js';
import { TypeConfigurationController } from './configuration/type-configuration.controller.js';

export interface GatewayParts {
  readonly asking: Asking;
  readonly following: Following;
  readonly files: FileParts;
  readonly adminApiKey: string;
  readonly requestsPerMinute: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent: /health and /metrics are on a port of their own. */
  readonly ops?: OpsHandler;
}

@Module({})
export class AppModule {
  static of({ asking, following, files }: GatewayParts): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        MeController,
        DeviceTypesController,
        DevicesController,
        MetadataController,
        TokensController,
        CredentialsController,
        ConfigurationController,
        TypeConfigurationController,
        TelemetryController,
        CommandsController,
        FirmwareTypesController,
        FirmwaresController,
        SoftwareController,
        FilesController,
        IntegrationsController,
        BulkChangesController,
        JobsController,
        ParkedController,
      ],
      providers: [
        { provide: ASKING, useValue: asking },
        { provide: FOLLOWING, useValue: following },
        { provide: FILES, useValue: files },
      ],
    };
  }
}

/** The HTTP application, not yet listening. */
export const gatewayApp = async (parts: GatewayParts): Promise<INestApplication> => {
  const server = express();
  server.disable('x-powered-by');
  // Express would make an ETag from the text of any answer; ours are versions.
  server.disable('etag');
  const app = await NestFactory.create(AppModule.of(parts), new ExpressAdapter(server), {
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
    identify(parts.adminApiKey),
    limitRate(parts.requestsPerMinute),
    eventDocuments(),
    requireCaller,
    checkAddress,
    checkMethod(server),
    readBody,
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
