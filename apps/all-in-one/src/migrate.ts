import { migrate as migrateCampaignOrchestrator } from '@muster/campaign-orchestrator';
import { migrate as migrateCommands } from '@muster/commands';
import { migrate as migrateConfiguration } from '@muster/configuration';
import { migrate as migrateDeviceRegistry } from '@muster/device-registry';
import { migrate as migrateFirmware } from '@muster/firmware';
import { migrate as migrateIdentity } from '@muster/identity';
import { migrate as migrateIotHubAdapter } from '@muster/iothub-adapter';
import { createLogger } from '@muster/observability';
import { migrate as migrateTelemetry } from '@muster/telemetry';

/** Brings every service's schema up to date. Safe to run twice and beside another; ends with 1 when one fails. */
const schemas = {
  'device-registry': migrateDeviceRegistry,
  configuration: migrateConfiguration,
  telemetry: migrateTelemetry,
  'campaign-orchestrator': migrateCampaignOrchestrator,
  commands: migrateCommands,
  firmware: migrateFirmware,
  identity: migrateIdentity,
  'iothub-adapter': migrateIotHubAdapter,
};

const logger = createLogger({ service: 'migrate' });
const url = process.env['MUSTER_DATABASE_URL'];
if (url === undefined || url === '') {
  logger.fatal('MUSTER_DATABASE_URL is not set');
  process.exit(78);
}
for (const [service, migrate] of Object.entries(schemas)) {
  try {
    const names = await migrate(url);
    logger.info(
      { migrations: names },
      names.length === 0 ? `${service}: up to date` : `${service}: migrated`,
    );
  } catch (error) {
    logger.fatal({ err: error }, `${service}: migration failed`);
    process.exit(1);
  }
}
