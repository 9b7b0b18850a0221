import type { DeviceKey } from '@muster/contracts/configuration/documents.requests';
import { listConfigurationStates } from '@muster/contracts/configuration/states.requests';
import { listRunningSoftware } from '@muster/contracts/firmware/running-software.requests';
import { allowStatements, type Database } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import { startUpkeep, type Logger, type Upkeep } from '@muster/observability';
import { learnSoftware } from '../software/device-software.js';
import type { DeviceStates } from './device-states.js';
import { SOURCES, type StateSource } from './state-progress.js';
import { whileRunning } from './while-running.js';

const PAGE = 500;
const ANSWER_MS = 10_000;
/** How soon a fill that was asked for begins. */
const LOOK_EVERY_MS = 2_000;

/** Asks one page of a source and writes it; null: it was the last. */
type FillPage = (after: DeviceKey | undefined) => Promise<DeviceKey | null>;

/**
 * Fills in what was so before the events were followed: their stream keeps a week of them. Page after page is asked of the
 * service that owns it; where it got to is a row, so a kill costs a page. What is newer already stays. Every replica looks for
 * fills to do, and two that do the same do no harm.
 */
export const startStateFills = ({
  database,
  bus,
  states,
  logger,
}: {
  readonly database: Database;
  readonly bus: Bus;
  readonly states: DeviceStates;
  readonly logger: Logger;
}): Upkeep[] => {
  const pages: Readonly<Record<StateSource, FillPage>> = {
    configuration: async (after) => {
      const page = await bus.request(
        listConfigurationStates,
        { limit: PAGE, ...(after === undefined ? {} : { after }) },
        { timeoutMs: ANSWER_MS },
      );
      await states.replace(page.items);
      return page.next;
    },
    firmware: async (after) => {
      const page = await bus.request(
        listRunningSoftware,
        { limit: PAGE, ...(after === undefined ? {} : { after }) },
        { timeoutMs: ANSWER_MS },
      );
      await learnSoftware(
        database,
        page.items.flatMap(({ tenantId, deviceId, version, software }) =>
          Object.entries(software).map(([name, softwareVersion]) => ({
            tenantId,
            deviceId,
            software: name,
            softwareVersion,
            version,
          })),
        ),
      );
      return page.next;
    },
  };
  return SOURCES.map((source) => {
    const what = `filling in what filters know from ${source}`;
    const round = async (): Promise<boolean> => {
      const { rows } = await database.query<{ after: DeviceKey | null }>({
        name: 'open-fill',
        text: 'SELECT after FROM state_fills WHERE source = $1 AND filled_at IS NULL',
        values: [source],
      });
      const [open] = rows;
      if (open === undefined) return false;
      const next = await pages[source](open.after ?? undefined);
      // Only from where it was read: it may have been begun anew meanwhile, or another replica may be further.
      await database.query({
        name: 'move-fill',
        text: `UPDATE state_fills SET after = $2::jsonb, filled_at = CASE WHEN $2::jsonb IS NULL THEN now() END
               WHERE source = $1 AND filled_at IS NULL AND after IS NOT DISTINCT FROM $3::jsonb`,
        values: [source, next && JSON.stringify(next), open.after && JSON.stringify(open.after)],
      });
      if (next === null) logger.info({ source }, 'what filters know is filled in');
      return true;
    };
    return startUpkeep({ what, everyMs: LOOK_EVERY_MS, round: whileRunning(what, logger, round), logger });
  });
};

/**
 * Asks the services for everything again: their events may have been lost with a stream, or they were restored from a backup
 * and count on from lower versions. Of those the row's own version would make newer ones look old, so it is forgotten.
 */
export const fillStateAgain = async (database: Database): Promise<number> =>
  database.transaction(async (tx) => {
    await allowStatements(tx, 0);
    const { rowCount } = await tx.query('UPDATE device_state SET version = 0');
    await tx.query(`UPDATE device_software SET seen = '{}'`);
    await tx.query('UPDATE state_fills SET after = NULL, filled_at = NULL');
    return rowCount ?? 0;
  });
