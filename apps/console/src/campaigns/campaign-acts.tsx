import { Button, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon } from '@primer/octicons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { ActButton, ActItem, ActLink } from '../shared/act-button.js';
import { announce } from '../shared/announce.js';
import { Confirm, TYPE_ABOVE } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { CancelDialog, ProblemModal, RateDialog, ReasonDialog } from './campaign-dialogs.js';
import type { Campaign, Statistics } from './campaigns.queries.js';
import { ofStatus, releasable } from './numbers.js';

/** What is asked about, as it was when it was: the page moves on below the dialog. */
type Asked =
  | { readonly to: 'cancel' | 'settle' | 'rate' | 'delete' | 'unschedule' }
  | { readonly to: 'resume' | 'override'; readonly pause: NonNullable<Campaign['pause']> }
  | { readonly to: 'release'; readonly batch: number; readonly size: number | null };

const MOVED_ON = 'The campaign has moved on since this was opened. Close this, and look again.';

/** What can be done with a campaign as it is now; what cannot is not offered. */
export const CampaignActs = ({
  campaign,
  etag,
  statistics,
}: {
  readonly campaign: Campaign;
  readonly etag: string;
  readonly statistics: Statistics | undefined;
}) => {
  const { id, status, outcome, pause, batches } = campaign;
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked>();
  const refresh = () => void queries.invalidateQueries({ queryKey: ['campaign', id] });
  const act = useMutation({
    mutationFn: async ({ run }: { readonly run: () => Promise<unknown>; readonly said: string }) => run(),
    onSuccess: (_answer, { said }) => {
      announce(said);
      setAsked(undefined);
    },
    onSettled: refresh,
  });
  const once = useIdempotencyKey();
  const derive = useMutation({
    mutationFn: (how: 'retry' | 'revert' | 'copy') =>
      once((key) => {
        const options = {
          params: { path: { id }, header: { 'Idempotency-Key': `${key}-${how}` } },
          body: {},
        };
        if (how === 'retry') return answered(api.POST('/api/v1/campaigns/{id}/retry', options));
        if (how === 'revert') return answered(api.POST('/api/v1/campaigns/{id}/revert', options));
        return answered(api.POST('/api/v1/campaigns/{id}/copy', options));
      }),
    onSuccess: ({ id: draft }) =>
      void navigate({ to: '/campaigns/$id/edit/$step', params: { id: draft, step: 'review' } }),
  });
  const params = { path: { id } };
  const waiting = releasable(campaign);
  const size = batches.find(({ index }) => index === waiting)?.size ?? null;
  const close = () => {
    setAsked(undefined);
    act.reset();
  };
  const editable = status === 'draft' || status === 'scheduled';
  const open = status === 'running' || status === 'paused';
  const ended = status === 'completed' || status === 'cancelled';
  const failed =
    statistics === undefined
      ? 0
      : ofStatus(statistics.byStatus, 'failed') + ofStatus(statistics.byStatus, 'timed_out');
  const byGate = pause !== undefined && pause.reason !== 'operator';

  return (
    <>
      {editable && (
        <ActLink needs="campaign" to="/campaigns/$id/edit/$step" params={{ id, step: 'review' }}>
          Review and launch
        </ActLink>
      )}
      {status === 'running' && waiting !== undefined && (
        <ActButton needs="campaign" onClick={() => setAsked({ to: 'release', batch: waiting, size })}>
          Release batch {waiting}
          {size === null ? '' : ` (${count(size)})`}
        </ActButton>
      )}
      {status === 'running' && (
        <ActButton
          needs="campaign"
          variant="default"
          loading={act.isPending}
          onClick={() =>
            act.mutate({
              run: () => answered(api.POST('/api/v1/campaigns/{id}/pause', { params })),
              said: 'The campaign is paused',
            })
          }
        >
          Pause
        </ActButton>
      )}
      {status === 'paused' && pause !== undefined && (
        <ActButton needs="campaign" onClick={() => setAsked({ to: 'resume', pause })}>
          {byGate ? 'Resume, judge again …' : 'Resume …'}
        </ActButton>
      )}
      {status === 'paused' && pause !== undefined && byGate && (
        <ActButton needs="campaign" variant="default" onClick={() => setAsked({ to: 'override', pause })}>
          Resume past the gate …
        </ActButton>
      )}
      {ended && failed > 0 && (
        <ActButton needs="campaign" loading={derive.isPending} onClick={() => derive.mutate('retry')}>
          Retry the {count(failed)} failed …
        </ActButton>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" px={8} aria-label="More acts">
            <KebabHorizontalIcon size={16} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {open && (
            <ActItem needs="campaign" onClick={() => setAsked({ to: 'rate' })}>
              Change the rate …
            </ActItem>
          )}
          {status === 'scheduled' && (
            <ActItem needs="campaign" onClick={() => setAsked({ to: 'unschedule' })}>
              Take it off the schedule …
            </ActItem>
          )}
          {status === 'completed' && outcome === 'unsettled' && (
            <ActItem needs="campaign" onClick={() => setAsked({ to: 'settle' })}>
              Wait for no more devices …
            </ActItem>
          )}
          {ended && (
            <ActItem needs="campaign" onClick={() => derive.mutate('revert')}>
              Give the devices back what they had …
            </ActItem>
          )}
          <ActItem needs="campaign" onClick={() => derive.mutate('copy')}>
            Copy to a new draft …
          </ActItem>
          {(open || status === 'scheduled') && (
            <ActItem needs="campaign" color="var(--bad)" onClick={() => setAsked({ to: 'cancel' })}>
              Cancel …
            </ActItem>
          )}
          {editable && (
            <ActItem needs="campaign" color="var(--bad)" onClick={() => setAsked({ to: 'delete' })}>
              Delete …
            </ActItem>
          )}
        </Menu.Dropdown>
      </Menu>
      {asked === undefined && (act.isError || derive.isError) && (
        <ProblemModal
          error={act.error ?? derive.error}
          onClose={() => {
            act.reset();
            derive.reset();
          }}
        />
      )}
      {asked?.to === 'release' && (
        <Confirm
          title={`Release batch ${asked.batch}`}
          act="Release"
          {...(asked.size !== null && asked.size > TYPE_ABOVE ? { toType: String(asked.size) } : {})}
          gone={waiting === asked.batch ? undefined : MOVED_ON}
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() =>
            act.mutate({
              run: () =>
                answered(
                  api.POST('/api/v1/campaigns/{id}/batches/{index}/release', {
                    params: { path: { id, index: asked.batch } },
                  }),
                ),
              said: `Batch ${asked.batch} is released`,
            })
          }
        >
          <Text>
            Values are written to the <b>{asked.size === null ? '' : count(asked.size)} devices</b> of batch{' '}
            {asked.batch} now, without waiting for its spacing. This has no undo; “Give the devices back what
            they had” is a campaign of its own.
          </Text>
        </Confirm>
      )}
      {asked?.to === 'resume' && (
        <Confirm
          title="Resume the campaign"
          act="Resume"
          gone={pause?.at === asked.pause.at ? undefined : MOVED_ON}
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() =>
            act.mutate({
              run: () => answered(api.POST('/api/v1/campaigns/{id}/resume', { params, body: {} })),
              said: 'The campaign goes on',
            })
          }
        >
          <Text className="anywhere">It was paused: {asked.pause.detail}</Text>
          <Text>
            It writes to devices again, batch after batch as it was planned
            {statistics === undefined
              ? '.'
              : `: ${count(ofStatus(statistics.byStatus, 'planned'))} are not written yet.`}
            {byGate && ' What paused it is judged again first, by the numbers of now.'}
          </Text>
        </Confirm>
      )}
      {asked?.to === 'unschedule' && (
        <Confirm
          title="Take it off the schedule"
          act="Take it off"
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() =>
            act.mutate({
              run: () => answered(api.POST('/api/v1/campaigns/{id}/unschedule', { params })),
              said: 'The campaign is a draft again',
            })
          }
        >
          <Text>It does not launch by itself any more. It is a draft again, with all that is in it.</Text>
        </Confirm>
      )}
      {asked?.to === 'override' && (
        <Confirm
          title="Resume past the gate"
          act="Resume"
          danger
          gone={pause?.at === asked.pause.at ? undefined : MOVED_ON}
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() =>
            act.mutate({
              run: () =>
                answered(api.POST('/api/v1/campaigns/{id}/resume', { params, body: { overrideGate: true } })),
              said: 'The campaign goes on, past its gate',
            })
          }
        >
          <Text className="anywhere">{asked.pause.detail}</Text>
          <Text>The next batch goes although this one did not pass.</Text>
        </Confirm>
      )}
      {asked?.to === 'cancel' && (
        <CancelDialog
          busy={act.isPending}
          error={act.error}
          onClose={close}
          id={id}
          onRun={(run) => act.mutate({ run, said: 'The campaign is cancelled' })}
        />
      )}
      {asked?.to === 'settle' && (
        <ReasonDialog
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onReason={(reason) =>
            act.mutate({
              run: () => answered(api.POST('/api/v1/campaigns/{id}/settle', { params, body: { reason } })),
              said: 'The campaign waits for no more devices',
            })
          }
        />
      )}
      {asked?.to === 'rate' && (
        <RateDialog
          campaign={campaign}
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onRate={(ratePerMinute, maxInFlight) =>
            act.mutate({
              run: () =>
                answered(
                  api.PATCH('/api/v1/campaigns/{id}/rate', { params, body: { ratePerMinute, maxInFlight } }),
                ),
              said: 'The rate is changed',
            })
          }
        />
      )}
      {asked?.to === 'delete' && (
        <Confirm
          title="Delete the draft"
          act="Delete"
          danger
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() =>
            act.mutate({
              run: async () => {
                await answered(
                  api.DELETE('/api/v1/campaigns/{id}', {
                    params: { path: { id }, header: { 'If-Match': etag } },
                  }),
                );
                void queries.invalidateQueries({ queryKey: ['campaigns'] });
                await navigate({ to: '/campaigns' });
              },
              said: 'The draft is deleted',
            })
          }
        >
          <Text>Nothing of it was written to a device.</Text>
        </Confirm>
      )}
    </>
  );
};
