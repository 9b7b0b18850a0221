import { Anchor, Button, Text } from '@mantine/core';
import { DownloadIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useLive, usePolling } from '../api/live.js';
import { useJob } from '../jobs/use-job.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Paging } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader, Section } from '../shared/page.js';
import { StateMark, stateOf } from '../shared/state-mark.js';
import { Covered } from '../shared/value.js';
import { ImportBar } from './import-bar.js';
import {
  IMPORT_OUTCOMES,
  importQuery,
  importRowsQuery,
  rowState,
  type RowOutcome,
} from './imports.queries.js';
import { Table } from '../shared/table.js';

/** What became of each row of one file, live while its job is at it. */
export const ImportPage = () => {
  const { id } = useParams({ from: '/imports/$id' });
  const { outcome, cursor } = useSearch({ from: '/imports/$id' });
  const navigate = useNavigate();
  const poll = usePolling();
  const one = useQuery({ ...importQuery(id), refetchInterval: poll });
  const { job, isOver } = useJob(id, poll);
  useLive(
    'jobs',
    [
      ['jobs', id],
      ['imports', 'one', id],
    ],
    ({ data }) => data['jobId'] === id || data['retryOf'] === id,
    1_000,
  );
  const choose = (next: RowOutcome | undefined) =>
    void navigate({
      to: '/imports/$id',
      params: { id },
      search: next === undefined ? {} : { outcome: next },
      resetScroll: false,
    });
  return (
    <div className="page">
      <Loaded query={one}>
        {(view) => (
          <>
            <PageHeader
              title={view.dryRun ? 'Dry run of an import' : 'Import of devices'}
              above={
                <AnchorLink to="/imports" c="dimmed">
                  Imports
                </AnchorLink>
              }
              beside={
                <>
                  {job !== undefined && !(view.dryRun && isOver) && <StateMark state={job.status} />}
                  {view.dryRun && <StateMark state="dry_run" word="nothing was done" />}
                  <Text c="dimmed">
                    <Moment at={view.createdAt} />
                  </Text>
                </>
              }
              actions={
                <>
                  <AnchorLink to="/jobs/$id" params={{ id }}>
                    Its job
                  </AnchorLink>
                  <Delete id={id} isOver={isOver} />
                </>
              }
            />
            {view.dryRun && (
              <Text mb="sm">
                Nothing was done. This is what would have come of each row when it was tried; import the file
                on the <AnchorLink to="/imports">page of imports</AnchorLink>.
              </Text>
            )}
            <ImportBar view={view} />
            {job?.reason !== undefined && <Text mt="sm">{job.reason.detail}</Text>}
            <div className="counters" style={{ marginTop: 12 }}>
              {IMPORT_OUTCOMES.filter((known) => view[known] > 0 || known === outcome).map((known) => (
                <button
                  type="button"
                  key={known}
                  className="counter"
                  aria-pressed={known === outcome}
                  onClick={() => choose(known === outcome ? undefined : known)}
                >
                  <b>{count(view[known])}</b> <StateMark state={rowState(known, view.dryRun)} />
                </button>
              ))}
            </div>
          </>
        )}
      </Loaded>
      <Section
        title="Rows"
        actions={
          <>
            {(one.data?.failed ?? 0) > 0 && (
              <Anchor href={fileOf(id, 'failed')} download="failed.csv">
                <DownloadIcon size={14} /> what failed as a file
              </Anchor>
            )}
            <Anchor href={fileOf(id, outcome)} download="import.csv">
              <DownloadIcon size={14} /> these as a file
            </Anchor>
          </>
        }
      >
        <Rows
          id={id}
          dryRun={one.data?.dryRun === true}
          outcome={outcome}
          cursor={cursor}
          onAll={() => choose(undefined)}
        />
      </Section>
    </div>
  );
};

const fileOf = (id: string, outcome: RowOutcome | undefined): string =>
  `/api/v1/imports/${encodeURIComponent(id)}/rows?format=csv${outcome === undefined ? '' : `&outcome=${outcome}`}`;

const Rows = ({
  id,
  dryRun,
  outcome,
  cursor,
  onAll,
}: {
  readonly id: string;
  readonly dryRun: boolean;
  readonly outcome: RowOutcome | undefined;
  readonly cursor: string | undefined;
  readonly onAll: () => void;
}) => {
  const navigate = useNavigate();
  const rows = useQuery({ ...importRowsQuery(id, outcome, cursor), refetchInterval: usePolling() });
  const kept = outcome === undefined ? {} : { outcome };
  return (
    <Loaded query={rows}>
      {({ items, nextCursor }) =>
        items.length === 0 ? (
          <Nothing
            why={
              outcome === undefined
                ? 'It has no rows.'
                : `No row is “${stateOf(rowState(outcome, dryRun)).word}”.`
            }
          >
            {outcome !== undefined && (
              <Button variant="default" onClick={onAll}>
                Show all rows
              </Button>
            )}
          </Nothing>
        ) : (
          <>
            <RowTable rows={items} dryRun={dryRun} />
            <Paging
              cursor={cursor}
              nextCursor={nextCursor}
              more="Next rows"
              onPage={(search) =>
                void navigate({ to: '/imports/$id', params: { id }, search: { ...kept, ...search } })
              }
            />
          </>
        )
      }
    </Loaded>
  );
};

const RowTable = ({
  rows,
  dryRun,
}: {
  readonly rows: readonly Schema<'ImportedRow'>[];
  readonly dryRun: boolean;
}) => {
  const hasTokens = rows.some(({ token }) => token !== undefined);
  return (
    <Table
      isCards
      head={
        <>
          <th className="right">Line</th>
          <th>Device</th>
          <th>{dryRun ? 'Would come to' : 'Came to'}</th>
          {hasTokens && <th title="Until the device has used it">Token</th>}
          <th>Why not</th>
        </>
      }
    >
      {rows.map(({ line, outcome, deviceId, name, token, code, detail }) => (
        <tr key={line}>
          <td className="right" data-label="Line">
            {count(line)}
          </td>
          <td className="anywhere">
            {deviceId === undefined ? (
              (name ?? <span className="dim">–</span>)
            ) : (
              <AnchorLink to="/devices/$id/$tab" params={{ id: deviceId, tab: 'configuration' }}>
                {name ?? deviceId}
              </AnchorLink>
            )}
          </td>
          <td>
            <StateMark state={rowState(outcome, dryRun)} />
          </td>
          {hasTokens && <td className="value">{token !== undefined && <Covered>{token}</Covered>}</td>}
          <td className="anywhere">
            {detail}
            {code !== undefined && <div className="mono dim">{code}</div>}
          </td>
        </tr>
      ))}
    </Table>
  );
};

const Delete = ({ id, isOver }: { readonly id: string; readonly isOver: boolean }) => {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <ActButton
        needs="device"
        variant="default"
        disabled={!isOver}
        title={isOver ? undefined : 'Its job has not ended'}
        onClick={() => setAsking(true)}
      >
        Delete …
      </ActButton>
      {asking && (
        <ActDialog
          title="Delete the import"
          act="Delete"
          danger
          refreshes={['imports', 'list']}
          run={() => answered(api.DELETE('/api/v1/imports/{id}', { params: { path: { id } } }))}
          onDone={() => void navigate({ to: '/imports' })}
          onClose={() => setAsking(false)}
        >
          <Text>
            What became of its rows is forgotten, and tokens that it still shows are shown nowhere else. The
            devices stay. This cannot be undone.
          </Text>
        </ActDialog>
      )}
    </>
  );
};
