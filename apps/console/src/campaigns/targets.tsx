import { Anchor, Button, Group, Select } from '@mantine/core';
import { DownloadIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { StateMark, stateOf } from '../shared/state-mark.js';
import {
  TARGET_STATUSES,
  targetsQuery,
  type Campaign,
  type Target,
  type TargetStatus,
} from './campaigns.queries.js';

/** The devices of a campaign, page by page. */
export const Targets = ({
  campaign,
  status,
  batch,
  onStatus,
  onBatch,
}: {
  readonly campaign: Campaign;
  readonly status: TargetStatus | undefined;
  readonly batch: number | undefined;
  readonly onStatus: (status: TargetStatus | undefined) => void;
  readonly onBatch: (batch: number | undefined) => void;
}) => {
  const { id } = campaign;
  const queries = useQueryClient();
  const of = `${status ?? ''} ${batch ?? ''}`;
  // A cursor belongs to its filter.
  const [at, setAt] = useState<{ readonly of: string; readonly cursors: readonly string[] }>({
    of,
    cursors: [],
  });
  const cursors = at.of === of ? at.cursors : [];
  const targets = useQuery(targetsQuery(id, status, batch, cursors.at(-1)));
  const exclude = useMutation({
    mutationFn: (deviceId: string) =>
      answered(
        api.POST('/api/v1/campaigns/{id}/targets/{deviceId}/exclude', { params: { path: { id, deviceId } } }),
      ),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['campaign', id] }),
  });
  const open = campaign.status === 'running' || campaign.status === 'paused';
  const query = [
    status === undefined ? '' : `&status=${status}`,
    batch === undefined ? '' : `&batch=${batch}`,
  ].join('');
  return (
    <>
      <Group gap="xs" mb="sm">
        <Select
          aria-label="State of the devices"
          data={[
            { value: '', label: 'every state' },
            ...TARGET_STATUSES.map((value) => ({ value, label: stateOf(value).word })),
          ]}
          value={status ?? ''}
          allowDeselect={false}
          onChange={(value) => onStatus(value === null || value === '' ? undefined : value)}
        />
        <Select
          aria-label="Batch"
          data={[
            { value: '', label: 'every batch' },
            ...campaign.batches.map(({ index }) => ({ value: String(index), label: `batch ${index}` })),
          ]}
          value={batch === undefined ? '' : String(batch)}
          allowDeselect={false}
          onChange={(value) => onBatch(value === null || value === '' ? undefined : Number(value))}
        />
        <Anchor href={`/api/v1/campaigns/${id}/targets?format=csv${query}`} download="targets.csv">
          <DownloadIcon size={14} /> as a file
        </Anchor>
      </Group>
      <ProblemView error={exclude.error} />
      <Loaded query={targets}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing
              why={
                status === undefined && batch === undefined
                  ? 'It has no devices.'
                  : 'No device is in this state.'
              }
            >
              {(status !== undefined || batch !== undefined) && (
                <Button
                  variant="default"
                  onClick={() => {
                    onStatus(undefined);
                  }}
                >
                  Show every state
                </Button>
              )}
            </Nothing>
          ) : (
            <>
              <div className="table-scroll">
                <table className="table">
                  <thead>
                    <tr>
                      <th>Device</th>
                      <th>State</th>
                      <th className="wide right">Batch</th>
                      <th className="wide right">Offered</th>
                      <th>Reason</th>
                      <th className="wide">Written</th>
                      <th className="wide">Reached the device</th>
                      <th>Settled</th>
                      {open && (
                        <th>
                          <span className="visually-hidden">Acts</span>
                        </th>
                      )}
                    </tr>
                  </thead>
                  <tbody>
                    {items.map((target) => (
                      <Row
                        key={target.deviceId}
                        target={target}
                        {...(open ? { onExclude: () => exclude.mutate(target.deviceId) } : {})}
                      />
                    ))}
                  </tbody>
                </table>
              </div>
              <Group mt="sm" gap="xs">
                {cursors.length > 0 && (
                  <Button variant="default" onClick={() => setAt({ of, cursors: cursors.slice(0, -1) })}>
                    Back
                  </Button>
                )}
                {nextCursor !== null && (
                  <Button variant="default" onClick={() => setAt({ of, cursors: [...cursors, nextCursor] })}>
                    Next
                  </Button>
                )}
              </Group>
            </>
          )
        }
      </Loaded>
    </>
  );
};

const OPEN: readonly TargetStatus[] = ['planned', 'written', 'dispatched', 'acknowledged', 'retry_wait'];

const Row = ({ target, onExclude }: { readonly target: Target; readonly onExclude?: () => void }) => {
  const {
    deviceId,
    name,
    batch,
    status,
    attempts,
    reason,
    writtenAt,
    dispatchedAt,
    finishedAt,
    late,
    retryAt,
  } = target;
  return (
    <tr>
      <td className="anywhere">
        <AnchorLink to="/devices/$id/$tab" params={{ id: deviceId, tab: 'configuration' }}>
          {name}
        </AnchorLink>
      </td>
      <td>
        <StateMark state={status} />
        {late === true && <div className="state-pending">late</div>}
      </td>
      <td className="wide right">{batch}</td>
      <td className="wide right">{count(attempts)}×</td>
      <td className="anywhere">
        {reason !== undefined && (
          <>
            {reason.detail ?? reason.code}{' '}
            <span className="dim">
              {reason.origin === 'device'
                ? 'says the device'
                : reason.origin === 'user'
                  ? ''
                  : `(${reason.code})`}
              {reason.by !== undefined && (
                <>
                  {' '}
                  by <ActorName actor={reason.by} />
                </>
              )}
            </span>
          </>
        )}
        {retryAt !== undefined && (
          <div className="dim">
            again <Moment at={retryAt} />
          </div>
        )}
      </td>
      <td className="wide">
        <Moment at={writtenAt} fallback="" />
      </td>
      <td className="wide">
        <Moment at={dispatchedAt} fallback="" />
      </td>
      <td>
        <Moment at={finishedAt} fallback="" />
      </td>
      {onExclude !== undefined && (
        <td className="right">
          {OPEN.includes(status) && (
            <ActButton needs="campaign" variant="default" onClick={onExclude} aria-label={`Take out ${name}`}>
              Take out
            </ActButton>
          )}
        </td>
      )}
    </tr>
  );
};
