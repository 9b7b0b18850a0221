import type { Database } from '@muster/event-store';
import type { Finding } from '@muster/service-host';

/** What `doctor` says of messages that wait for somebody to look at them. */
export const parkedFindings = async (database: Database): Promise<readonly Finding[]> => {
  const { rows } = await database.query<{ consumer: string; messages: number; reason: string }>(
    `SELECT consumer, count(*)::integer AS messages, min(reason) AS reason FROM parked_messages
     WHERE state = 'open' GROUP BY consumer ORDER BY consumer`,
  );
  return rows.map(({ consumer, messages, reason }) => ({
    isFault: false,
    what: `${messages} of ${consumer} could not be processed and ${messages === 1 ? 'is' : 'are'} parked; for example: ${reason}`,
    advice:
      'GET /api/v1/parked has each with its reason; mend the cause, then replay or drop them. docs/operating.md, MusterParked.',
  }));
};
