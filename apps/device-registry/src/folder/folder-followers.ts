import { AppError, type Actor } from '@muster/contracts';
import type { Aggregate, DomainEvent, EventStore, Queryable } from '@muster/event-store';
import { replaceValues } from '@muster/filter';
import type { JobItemOutcome } from '@muster/jobs';
import type pg from 'pg';
import { certificateAuthority } from '../certificate-authority/certificate-authority.decider.js';
import { claimKey } from '../claim-key/claim-key.decider.js';
import { readGroupFilter } from '../device/device-filter.js';
import { group } from '../group/group.decider.js';
import { isWithin, movedPath } from './folder-path.js';
import type { Move } from './folder-tree.js';

/** What names a folder by its path besides devices, as an item of a job: `claim-key/<id>`. */
type Kind = 'certificate-authority' | 'claim-key' | 'group';

export const isFollower = (item: string): boolean => item.includes('/');

/** All that names the folder or one below. */
export const followersOf = async (from: Queryable, tenantId: string, move: Move): Promise<string[]> => {
  const { rows: rules } = await from.query<{ item: string }>({
    text: `SELECT 'certificate-authority/' || id AS item FROM certificate_authorities
           WHERE tenant_id = $1 AND starts_with(enrolment ->> 'folder' || '/', $2)
           UNION ALL
           SELECT 'claim-key/' || id FROM claim_keys WHERE tenant_id = $1 AND starts_with(folder || '/', $2)`,
    values: [tenantId, `${move.from}/`],
  });
  const { rows: groups } = await from.query<{ id: string; filter: string }>({
    text: `SELECT id, filter FROM groups WHERE tenant_id = $1 AND filter LIKE '%folder%'`,
    values: [tenantId],
  });
  return [
    ...rules.map(({ item }) => item),
    ...groups.filter(({ filter }) => isNaming(filter, move)).map(({ id }) => `group/${id}`),
  ];
};

/** One outcome for each. One that was deleted or changed meanwhile has nothing to follow. */
export const followFolder = async (
  tx: pg.PoolClient,
  store: EventStore,
  { tenantId, actor }: { readonly tenantId: string; readonly actor: Actor },
  move: Move,
  items: readonly string[],
): Promise<readonly JobItemOutcome[]> => {
  const at = new Date().toISOString();
  const faults = new Map<string, JobItemOutcome>();
  const fail = (kind: Kind, id: string, { code, detail }: AppError): void => {
    faults.set(`${kind}/${id}`, { code, detail });
  };
  const follow = async <State extends { readonly status: string }, Command, Event extends DomainEvent>(
    kind: Kind,
    aggregate: Aggregate<State, Command, Event>,
    commandOf: (state: Extract<State, { readonly status: 'existing' }>) => Command | undefined,
  ): Promise<void> => {
    const ids = items
      .filter((item) => item.startsWith(`${kind}/`))
      .map((item) => item.slice(kind.length + 1));
    if (ids.length === 0) return;
    const keys = ids.map((id) => ({ tenantId, id }));
    const loaded = await store.loadMany(aggregate, keys, { within: tx, lock: true });
    const changes = loaded.flatMap(({ state }, nth) => {
      const id = ids[nth];
      if (id === undefined || !isExisting(state)) return [];
      try {
        const command = commandOf(state);
        return command === undefined ? [] : [{ tenantId, id, command, metadata: { actor } }];
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        fail(kind, id, error);
        return [];
      }
    });
    const outcomes = await store.executeMany(aggregate, changes, { within: tx });
    changes.forEach(({ id }, nth) => {
      const error = outcomes[nth]?.error;
      if (error !== undefined) fail(kind, id, error);
    });
  };
  const moved = (path: string): string => (isWithin(path, move.from) ? movedPath(path, move) : path);
  await follow('certificate-authority', certificateAuthority, ({ enrolment }) =>
    enrolment === null
      ? undefined
      : {
          type: 'EditCertificateAuthority' as const,
          enrolment: { ...enrolment, folder: moved(enrolment.folder) },
          at,
        },
  );
  await follow('claim-key', claimKey, ({ device }) => ({
    type: 'FollowFolder' as const,
    folder: moved(device.folder),
    at,
  }));
  await follow('group', group, ({ filter }) => ({
    type: 'EditGroup' as const,
    filter: followed(filter, move),
  }));
  return items.map((item) => faults.get(item) ?? {});
};

/** Throws `invalid-filter` where the filter would be too long. */
const followed = (filter: string, move: Move): string => {
  const text = renamed(filter, move);
  if (text !== filter) readGroupFilter(text);
  return text;
};

/** One that cannot be read any more names nothing. */
const isNaming = (filter: string, move: Move): boolean => {
  try {
    return renamed(filter, move) !== filter;
  } catch {
    return false;
  }
};

/**
 * A filter that means the same devices after the move. Only what is compared with a whole path, or with all that is below one,
 * names the folder: `/par*` is about how folders are called, and stays.
 */
const renamed = (filter: string, move: Move): string =>
  replaceValues(filter, 'folder', ([first = '', ...rest]) => {
    // Before a wildcard there may be half a name: only below the folder it is certain whose.
    const isNamed = rest.length === 0 ? isWithin(first, move.from) : first.startsWith(`${move.from}/`);
    return isNamed ? [movedPath(first, move), ...rest] : undefined;
  });

const isExisting = <State extends { readonly status: string }>(
  state: State,
): state is Extract<State, { readonly status: 'existing' }> => state.status === 'existing';
