import type { Queryable } from '@muster/event-store';

/**
 * Tables in which rows are of one hub, and that nobody else empties when it is removed. `hub_device_types` goes with its hub by
 * the database; `hub_keys` and `hub_identities` belong to who keeps them.
 */
export const TABLES_OF_HUB = [
  'hub_budgets',
  'hub_partitions',
  'hub_links',
  'hub_owed_offers',
  'hub_messages',
  'hub_feedback_readers',
  'hub_seen',
  'hub_findings',
  'hub_reconciliations',
  'hub_probes',
  'hub_routes',
  'hub_enrolments',
  'hub_twins',
] as const;

/** Nothing is kept of a hub that is not ours any more. Done again it changes nothing. */
export const forgetHub = async (tx: Queryable, hubId: string): Promise<void> => {
  for (const table of TABLES_OF_HUB) {
    await tx.query({ text: `DELETE FROM ${table} WHERE hub_id = $1`, values: [hubId] });
  }
};
