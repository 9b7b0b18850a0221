import { AppError } from '@muster/contracts';
import type { Queryable } from '@muster/event-store';
import { mapConditions, type Condition, type Filter } from '@muster/filter';

/** A group is one or many comparisons; so many of them may be meant by one filter. */
export const MAX_GROUPS_IN_FILTER = 10;

/**
 * The filter with the filters of groups in place of their names, as they are now. `read` reads a
 * group's filter, which names no groups: so there are no circles, and one look is enough. Throws `invalid-filter`.
 */
export const withGroupsResolved = async (
  from: Queryable,
  tenantId: string,
  filter: Filter,
  read: (text: string) => Filter,
): Promise<Filter> => {
  const names = [...new Set(namesIn(filter))];
  if (names.length === 0) return filter;
  if (names.length > MAX_GROUPS_IN_FILTER)
    throw refused(`names ${names.length} groups; at most ${MAX_GROUPS_IN_FILTER} are possible`);
  const { rows } = await from.query<{ name: string; filter: string }>({
    text: 'SELECT name, filter FROM groups WHERE tenant_id = $1 AND name = ANY($2::text[])',
    values: [tenantId, names],
  });
  const saved = new Map(rows.map((row) => [row.name, row.filter]));
  const groups = new Map(
    names.map((name) => {
      const text = saved.get(name);
      if (text === undefined) throw refused(`names the group "${name}", which does not exist`);
      return [name, readSaved(name, text, read)];
    }),
  );
  return mapConditions(filter, (condition) => {
    const named = groupsOf(condition);
    if (named === undefined) return condition;
    const either: Filter = { kind: 'or', operands: named.flatMap((name) => groups.get(name) ?? []) };
    return condition.negated ? complementOf(either) : either;
  });
};

/** It could be read when it was saved; what cannot be read any more is told with the group's name. */
const readSaved = (name: string, text: string, read: (text: string) => Filter): Filter => {
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw refused(`names the group "${name}", whose own filter cannot be read: ${error.detail}`, error);
  }
};

const namesIn = (filter: Filter): readonly string[] =>
  filter.kind === 'condition' ? (groupsOf(filter) ?? []) : filter.operands.flatMap(namesIn);

/** Undefined: it is about something else. */
const groupsOf = ({ field, test }: Condition): readonly string[] | undefined =>
  field.kind === 'reference' && test.kind === 'equals'
    ? test.values.flatMap((value) => (value.kind === 'text' ? value.pieces : []))
    : undefined;

/** A negated condition is its complement, also where there is no value, so this holds for whole filters. */
const complementOf = (filter: Filter): Filter =>
  filter.kind === 'condition'
    ? { ...filter, negated: !filter.negated }
    : { kind: filter.kind === 'and' ? 'or' : 'and', operands: filter.operands.map(complementOf) };

const refused = (rule: string, cause?: unknown): AppError =>
  new AppError('invalid-filter', `The filter ${rule}.`, {
    cause,
    errors: [{ path: 'filter', message: rule }],
  });
