import { listLimitedHubs } from '@muster/contracts/iothub-adapter/limits.requests';
import type { Database } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import type { Situation } from '../batch/next-step.js';
import type { LaunchRef } from './write-batch.js';

const DEVICES = 500;
const DEADLINE = { timeoutMs: 1_000 };
const MINUTE_MS = 60_000;

/**
 * Whether documents of the launch wait for the throttle of an IoT Hub, and until about when. Null, too, where nobody answers: it is
 * for operators to read, and nothing is decided by it.
 */
export const hubLimit = async (
  { database, bus }: { readonly database: Database; readonly bus: Pick<Bus, 'request'> },
  { tenantId, launchId }: LaunchRef,
): Promise<Situation['limited']> => {
  try {
    // Of most tenants no hub is limited, and their devices need not be looked for.
    if ((await bus.request(listLimitedHubs, { tenantId }, DEADLINE)).items.length === 0) return null;
    const { rows } = await database.query<{ device_id: string }>({
      name: 'campaign-hub-devices',
      text: `SELECT device_id FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $2
               AND status = 'written' AND NOT synced AND interface = 'iothub' LIMIT ${DEVICES}`,
      values: [tenantId, launchId],
    });
    if (rows.length === 0) return null;
    const deviceIds = rows.map(({ device_id: id }) => id);
    const { items } = await bus.request(listLimitedHubs, { tenantId, deviceIds }, DEADLINE);
    return limitOf(items);
  } catch {
    return null;
  }
};

/** Of the hub that takes longest, which comes first. */
export const limitOf = (
  hubs: readonly { readonly name: string; readonly waiting: number; readonly until: string }[],
): Situation['limited'] => {
  const [hub] = hubs;
  if (hub === undefined) return null;
  const { name, waiting } = hub;
  // It is an estimate: to the minute, it does not change with each look.
  const until = new Date(Math.ceil(Date.parse(hub.until) / MINUTE_MS) * MINUTE_MS).toISOString();
  const documents = waiting === 1 ? '1 document waits' : `${waiting} documents wait`;
  const when = `${until.slice(0, 10)} ${until.slice(11, 16)} UTC`;
  return { detail: `Limited by the IoT Hub "${name}", until about ${when}: ${documents} for it.`, until };
};
