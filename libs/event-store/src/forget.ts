import { forgetOldAnnouncements } from './announce.js';
import type { Database } from './database.js';
import { forgetOldReplies } from './idempotently.js';

/** Rows in one statement: some hundred milliseconds. */
const AT_ONCE = 10_000;

/**
 * Removes stored replies older than a day, and announcements older than the stream they were published to. True: there may
 * be more. Not the relay's work: that one has no time exactly when most of this is written.
 */
export const forgetOld = async (
  database: Database,
  { service, announcementsKeptHours }: { readonly service: string; readonly announcementsKeptHours: number },
): Promise<boolean> => {
  const replies = await forgetOldReplies(database, AT_ONCE);
  const announcements = await forgetOldAnnouncements(database, service, announcementsKeptHours, AT_ONCE);
  return replies === AT_ONCE || announcements === AT_ONCE;
};
