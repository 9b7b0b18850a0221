import { Button, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { problemOf } from '../api/problem.js';
import { narrowed, valueText } from '../devices/filter-text.js';
import { kindName } from '../jobs/kinds.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { TimeInput } from '../shared/time-input.js';
import { Paging } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader } from '../shared/page.js';
import { TraceCopy } from '../shared/problem-view.js';
import { FILTER_BOX } from '../shell/keys.js';
import { auditQuery, type AuditSearch, type Entry } from './audit.queries.js';
import { inWords, rowsOf, type Row } from './audit-text.js';
import { Table } from '../shared/table.js';

/** What is done elsewhere shows after this; the page of the newest acts only. */
const FRESH_MS = 10_000;

export const AuditPage = () => {
  const search: AuditSearch = useSearch({ from: '/audit' });
  const navigate = useNavigate();
  const { cursor, ...which } = search;
  const audit = useQuery({
    ...auditQuery(search),
    ...(cursor === undefined ? { refetchInterval: FRESH_MS } : {}),
  });
  const go = (next: AuditSearch) => void navigate({ to: '/audit', search: next });
  const isNarrowed = Object.keys(which).length > 0;
  return (
    <div className="page">
      <PageHeader title="Audit trail" />
      <Which key={JSON.stringify(which)} search={which} onSearch={go} />
      <Loaded query={audit} rows={8}>
        {({ items, nextCursor, away }) => (
          <>
            {away.length > 0 && (
              <div role="alert" className="stale">
                <Text>
                  {away.join(', ')} {away.length === 1 ? 'does' : 'do'} not answer: what{' '}
                  {away.length === 1 ? 'it has' : 'they have'} on record of this time is missing here.
                </Text>
                <Button variant="default" mt={6} onClick={() => void audit.refetch()}>
                  Try again
                </Button>
              </div>
            )}
            {items.length > 0 && (
              <AuditTable
                rows={rowsOf(items)}
                onNarrow={(field, value) =>
                  go({
                    ...which,
                    filter: narrowed(which.filter ?? '', field, `${field}==${valueText(value)}`),
                  })
                }
              />
            )}
            {items.length === 0 && nextCursor === null && (
              <Nothing
                why={
                  cursor !== undefined
                    ? 'There is nothing further back.'
                    : isNarrowed
                      ? 'Nobody did anything that matches.'
                      : 'Nobody has done anything yet. Whatever people and their keys change is on record here.'
                }
              >
                {isNarrowed && (
                  <Button variant="default" onClick={() => go({})}>
                    Show all acts
                  </Button>
                )}
              </Nothing>
            )}
            {items.length === 0 && nextCursor !== null && (
              <Text c="dimmed">Nothing that matches among the newest; there is more further back.</Text>
            )}
            <Paging
              cursor={cursor}
              nextCursor={nextCursor}
              first="To the newest"
              more="Older"
              readAt={audit.dataUpdatedAt}
              onPage={(search) => go({ ...which, ...search })}
            />
          </>
        )}
      </Loaded>
    </div>
  );
};

/** What is looked for: a filter as the platform reads it, and a time. */
const Which = ({
  search,
  onSearch,
}: {
  readonly search: AuditSearch;
  readonly onSearch: (search: AuditSearch) => void;
}) => {
  const [filter, setFilter] = useState(search.filter ?? '');
  const [from, setFrom] = useState(search.from);
  const [to, setTo] = useState(search.to);
  useEffect(() => setFilter(search.filter ?? ''), [search.filter]);
  const audit = useQuery({ ...auditQuery(search), enabled: false });
  const refused = audit.error === null ? undefined : problemOf(audit.error);
  return (
    <form
      className="audit-which"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch({
          ...search,
          filter: filter.trim() === '' ? undefined : filter.trim(),
          from,
          to,
        });
      }}
    >
      <TextInput
        id={FILTER_BOX}
        className="grow"
        label="Filter"
        placeholder="actor==anna;resource==device;action==*Renamed"
        description="Of actor, actorKind, action, resource, resourceId, service, traceId"
        value={filter}
        error={refused?.code === 'invalid-filter'}
        onChange={(event) => setFilter(event.currentTarget.value)}
      />
      <TimeInput label="From" at={from} onChange={setFrom} />
      <TimeInput label="To" at={to} onChange={setTo} />
      <Button type="submit" variant="default">
        Apply
      </Button>
      {search.device !== undefined && (
        <Button variant="default" onClick={() => onSearch({ ...search, device: undefined })}>
          Of one device only: show all
        </Button>
      )}
    </form>
  );
};

const AuditTable = ({
  rows,
  onNarrow,
}: {
  readonly rows: readonly Row[];
  readonly onNarrow: (field: 'actor' | 'action', value: string) => void;
}) => (
  <Table
    isCards
    head={
      <>
        <th>When</th>
        <th className="in-one-line">Who</th>
        <th className="in-one-line">What</th>
        <th>To what</th>
        <th className="wide">Through</th>
      </>
    }
  >
    {rows.map(({ first, others }) => (
      <tr key={first.id}>
        <td>
          <Moment at={first.at} clock />
        </td>
        <td>
          {first.actor.kind === 'campaign' || first.actor.kind === 'default' ? (
            <ActorName actor={first.actor} />
          ) : (
            <button
              type="button"
              className="cell-button"
              title={`${first.actor.kind}: only what they did`}
              onClick={() => onNarrow('actor', first.actor.id)}
            >
              {first.actor.id}
            </button>
          )}
        </td>
        <td>
          <button
            type="button"
            className="cell-button"
            title="Only this"
            onClick={() => onNarrow('action', first.action)}
          >
            {inWords(first.action)}
          </button>
          {others.length > 0 && (
            <div className="dim">and {others.map(({ action }) => inWords(action)).join(', ')}</div>
          )}
        </td>
        <td>
          <div className="anywhere">
            <ResourceLink resource={first.resource} />
          </div>
        </td>
        <td className="wide">
          {first.jobId === undefined ? (
            first.traceId !== undefined && <TraceCopy traceId={first.traceId} />
          ) : (
            <AnchorLink to="/jobs/$id" params={{ id: first.jobId }}>
              a job
            </AnchorLink>
          )}
        </td>
      </tr>
    ))}
  </Table>
);

/** A thing with its page, where it has one. */
const ResourceLink = ({ resource: { kind, id, name } }: { readonly resource: Entry['resource'] }) => {
  const words = kind.replaceAll('-', ' ');
  const called = name ?? `${id.slice(0, 8)}…`;
  switch (kind) {
    case 'device':
      return (
        <>
          {words}{' '}
          <AnchorLink to="/devices/$id/$tab" params={{ id, tab: 'history' }}>
            {called}
          </AnchorLink>
        </>
      );
    case 'campaign':
      return (
        <>
          {words}{' '}
          <AnchorLink to="/campaigns/$id" params={{ id }}>
            {called}
          </AnchorLink>
        </>
      );
    case 'supervision':
      return (
        <>
          {words}{' '}
          <AnchorLink to="/supervisions/$id" params={{ id }}>
            {called}
          </AnchorLink>
        </>
      );
    case 'job':
      return (
        <>
          {words}{' '}
          <AnchorLink to="/jobs/$id" params={{ id }}>
            {name === undefined ? called : kindName(name)}
          </AnchorLink>
        </>
      );
    default:
      return (
        <span title={id}>
          {words} {called}
        </span>
      );
  }
};
