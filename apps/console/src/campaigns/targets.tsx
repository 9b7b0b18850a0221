import { Anchor, Button, Checkbox, Group, Select, Text } from '@mantine/core';
import { DownloadIcon, XIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { StateMark, stateOf } from '../shared/state-mark.js';
import {
  asParameters,
  lastSeenQuery,
  TARGET_STATUSES,
  targetsQuery,
  type Campaign,
  type Target,
  type TargetFilter,
  type TargetStatus,
} from './campaigns.queries.js';
import { retryOf } from './draft-for.js';
import { saidBy } from './reasons.js';
import { ActsHead, Table } from '../shared/table.js';

/** The devices of a campaign, page by page. */
export const Targets = ({
  campaign,
  filter,
  onFilter,
}: {
  readonly campaign: Campaign;
  readonly filter: TargetFilter;
  /** What is undefined is any. */
  readonly onFilter: (next: TargetFilter) => void;
}) => {
  const { id } = campaign;
  const { status, batch, reason, origin } = filter;
  const queries = useQueryClient();
  const of = asParameters(filter);
  // A cursor belongs to its filter.
  const [at, setAt] = useState<{ readonly of: string; readonly cursors: readonly string[] }>({
    of,
    cursors: [],
  });
  const cursors = at.of === of ? at.cursors : [];
  const targets = useQuery(targetsQuery(id, filter, cursors.at(-1)));
  const lastSeen = useQuery(lastSeenQuery((targets.data?.items ?? []).map(({ deviceId }) => deviceId))).data;
  const exclude = useMutation({
    mutationFn: (deviceId: string) =>
      answered(
        api.POST('/api/v1/campaigns/{id}/targets/{deviceId}/exclude', { params: { path: { id, deviceId } } }),
      ),
    onSuccess: () => setTakingOut(undefined),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['campaign', id] }),
  });
  const [takingOut, setTakingOut] = useState<Target>();
  const navigate = useNavigate();
  const [picked, setPicked] = useState<readonly string[]>([]);
  const once = useIdempotencyKey(picked);
  const retry = useMutation({
    mutationFn: () => once((key) => retryOf(id, picked, key)),
    onSuccess: (draft) =>
      void navigate({ to: '/campaigns/$id/edit/$step', params: { id: draft, step: 'review' } }),
  });
  const ended = campaign.status === 'completed' || campaign.status === 'cancelled';
  const open = campaign.status === 'running' || campaign.status === 'paused';
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
          onChange={(value) =>
            onFilter({ ...filter, status: value === null || value === '' ? undefined : value })
          }
        />
        <Select
          aria-label="Batch"
          data={[
            { value: '', label: 'every batch' },
            ...campaign.batches.map(({ index }) => ({ value: String(index), label: `batch ${index}` })),
          ]}
          value={batch === undefined ? '' : String(batch)}
          allowDeselect={false}
          onChange={(value) =>
            onFilter({ ...filter, batch: value === null || value === '' ? undefined : Number(value) })
          }
        />
        {(reason !== undefined || origin !== undefined) && (
          <Button
            variant="default"
            rightSection={<XIcon size={12} />}
            data-narrows
            title="Show every reason"
            onClick={() => onFilter({ ...filter, reason: undefined, origin: undefined })}
          >
            {reason ?? 'reason'} {origin !== undefined && `(${saidBy(origin)})`}
          </Button>
        )}
        {targets.data?.total !== undefined && (
          <span aria-live="polite">
            <b>{count(targets.data.total)}</b> {targets.data.total === 1 ? 'device' : 'devices'}
          </span>
        )}
        <Anchor href={`/api/v1/campaigns/${id}/targets?format=csv${of}`} download="targets.csv">
          <DownloadIcon size={14} /> as a file
        </Anchor>
        {picked.length > 0 && (
          <>
            <ActButton needs="campaign" loading={retry.isPending} onClick={() => retry.mutate()}>
              Retry the {count(picked.length)} picked …
            </ActButton>
            <Button variant="default" data-narrows onClick={() => setPicked([])}>
              Pick none
            </Button>
          </>
        )}
      </Group>
      <ProblemView error={retry.error} />
      {takingOut !== undefined && (
        <Confirm
          title={`Take out ${takingOut.name}`}
          act="Take out"
          danger
          busy={exclude.isPending}
          error={exclude.error}
          onClose={() => {
            setTakingOut(undefined);
            exclude.reset();
          }}
          onConfirm={() => exclude.mutate(takingOut.deviceId)}
        >
          <Text>
            The campaign writes nothing more to this device and waits for it no longer. What it has written
            already stays. A device that was taken out is not put in again.
          </Text>
        </Confirm>
      )}
      <Loaded query={targets}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing why={of === '' ? 'It has no devices.' : 'No device is so at the moment.'}>
              {of !== '' && (
                <Button variant="default" onClick={() => onFilter({})}>
                  Show all
                </Button>
              )}
            </Nothing>
          ) : (
            <>
              <Table
                isCards
                head={
                  <>
                    {ended && (
                      <th>
                        <span className="visually-hidden">Pick</span>
                      </th>
                    )}
                    <th>Device</th>
                    <th>State</th>
                    <th className="wide right">Batch</th>
                    <th className="wide right">Offered</th>
                    <th>Reason</th>
                    <th className="wide">Written</th>
                    <th className="wide">Reached the device</th>
                    <th>Last heard</th>
                    <th className="wide">Settled</th>
                    {open && <ActsHead />}
                  </>
                }
              >
                {items.map((target) => (
                  <Row
                    key={target.deviceId}
                    target={target}
                    lastSeenAt={lastSeen?.get(target.deviceId)}
                    {...(open ? { onExclude: () => setTakingOut(target) } : {})}
                    {...(ended
                      ? {
                          picked: picked.includes(target.deviceId),
                          onPick: () =>
                            setPicked((before) =>
                              before.includes(target.deviceId)
                                ? before.filter((one) => one !== target.deviceId)
                                : [...before, target.deviceId],
                            ),
                        }
                      : {})}
                  />
                ))}
              </Table>
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

/** It waits for its device, which was not heard of in any way since its values were written. */
const isSilent = ({ status, writtenAt }: Target, lastSeenAt: string | null | undefined): boolean =>
  OPEN.includes(status) &&
  writtenAt !== undefined &&
  lastSeenAt !== undefined &&
  (lastSeenAt === null || Date.parse(lastSeenAt) < Date.parse(writtenAt));

/** They may be tried again by a campaign of their own. */
const RETRIED: readonly TargetStatus[] = ['failed', 'timed_out', 'skipped', 'superseded', 'cancelled'];

const Row = ({
  target,
  lastSeenAt,
  onExclude,
  picked = false,
  onPick,
}: {
  readonly target: Target;
  /** Undefined: it was not asked yet, or the device is gone; null: never. */
  readonly lastSeenAt: string | null | undefined;
  readonly onExclude?: () => void;
  readonly picked?: boolean;
  readonly onPick?: () => void;
}) => {
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
    deadlineAt,
  } = target;
  return (
    <tr>
      {onPick !== undefined && (
        <td>
          {RETRIED.includes(status) && (
            <Checkbox size="xs" aria-label={`Pick ${name}`} checked={picked} onChange={onPick} />
          )}
        </td>
      )}
      <td className="name">
        <AnchorLink to="/devices/$id/$tab" params={{ id: deviceId, tab: 'configuration' }} title={name}>
          {name}
        </AnchorLink>
      </td>
      <td data-label="State">
        <StateMark state={status} />
        {late === true && <div className="state-pending">late</div>}
      </td>
      <td className="wide right" data-label="Batch">
        {batch}
      </td>
      <td className="wide right" data-label="Offered">
        {count(attempts)}×
      </td>
      <td className="anywhere" data-label="Reason">
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
        {finishedAt === undefined && deadlineAt !== undefined && (
          <div className="dim">
            times out <Moment at={deadlineAt} />
          </div>
        )}
      </td>
      <td className="wide" data-label="Written">
        <Moment at={writtenAt} fallback="" />
      </td>
      <td className="wide" data-label="Reached the device">
        <Moment at={dispatchedAt} fallback="" />
      </td>
      <td data-label="Last heard">
        {lastSeenAt !== undefined && <Moment at={lastSeenAt} />}
        {isSilent(target, lastSeenAt) && <div className="state-pending">not since it was written</div>}
      </td>
      <td className="wide" data-label="Settled">
        <Moment at={finishedAt} fallback="" />
      </td>
      {onExclude !== undefined && (
        <td className="right">
          {OPEN.includes(status) && (
            <ActButton
              needs="campaign"
              variant="default"
              onClick={onExclude}
              aria-label={`Take out … ${name}`}
            >
              Take out …
            </ActButton>
          )}
        </td>
      )}
    </tr>
  );
};
