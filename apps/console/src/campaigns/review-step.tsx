import { Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { AskBeforeLeaving } from '../shared/ask-before-leaving.js';
import { Confirm, TYPE_ABOVE, TypeSplit } from '../shared/confirm-count.js';
import { count, exact } from '../shared/format.js';
import { TimeInput } from '../shared/time-input.js';
import { Section } from '../shared/page.js';
import { previewQuery } from './campaigns.queries.js';
import { Definition } from './definition.js';
import { goesUnwatched } from './numbers.js';
import { PreviewNumbers } from './preview-numbers.js';
import { Standing } from './standing.js';
import type { Draft } from './steps.js';

/** The last look. The launch is refused when more devices match than were seen here. */
export const ReviewStep = ({ draft: { data: campaign } }: { readonly draft: Draft }) => {
  const { id, revision, status } = campaign;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const preview = useQuery(previewQuery(id, revision)).data;
  const [asking, setAsking] = useState<'launch' | 'schedule'>();
  const [startAt, setStartAt] = useState(campaign.startAt);
  const [first] = useState(startAt);
  const once = useIdempotencyKey();
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['campaign', id] });
    void queries.invalidateQueries({ queryKey: ['campaigns'] });
    void navigate({ to: '/campaigns/$id', params: { id }, ignoreBlocker: true });
  };
  const launch = useMutation({
    mutationFn: (expectedCount: number) =>
      once((key) =>
        answered(
          api.POST('/api/v1/campaigns/{id}/launch', {
            params: { path: { id }, header: { 'Idempotency-Key': `${key}-${expectedCount}` } },
            body: { expectedCount },
          }),
        ),
      ),
    onSuccess: done,
    // The number that was seen is old: look again.
    onError: () => void queries.invalidateQueries({ queryKey: ['campaign', id, 'preview'] }),
  });
  const schedule = useMutation({
    mutationFn: (at: string) =>
      answered(
        api.POST('/api/v1/campaigns/{id}/schedule', {
          params: { path: { id } },
          body: { startAt: at },
        }),
      ),
    onSuccess: done,
  });
  return (
    <Stack gap="sm" maw={900}>
      {campaign.launchError !== undefined && <Standing campaign={campaign} />}
      <PreviewNumbers
        id={id}
        revision={revision}
        onConflict={campaign.onConflict}
        planned={campaign.batches}
      />
      {goesUnwatched(campaign) && (
        <Text className="state-bad">
          {preview === undefined ? 'All devices' : `All ${count(preview.matched)} devices`} at once, no gate,
          nobody releases. Step 2 can begin with a small batch.
        </Text>
      )}
      <Section title="What will be launched">
        <Definition campaign={campaign} />
      </Section>
      <Group justify="flex-end" align="end">
        {(status === 'draft' || status === 'scheduled') && (
          <>
            <TimeInput
              label="Or launch it by itself at"
              at={startAt}
              onChange={setStartAt}
              error={faultAt(schedule.isError ? problemOf(schedule.error) : undefined, 'startAt')}
            />
            <ActButton
              needs="campaign"
              variant="default"
              disabled={startAt === undefined}
              onClick={() => {
                schedule.reset();
                setAsking('schedule');
              }}
            >
              {status === 'scheduled' ? 'Move the time …' : 'Schedule …'}
            </ActButton>
          </>
        )}
        <ActButton
          needs="campaign"
          disabled={preview === undefined || preview.matched === 0}
          onClick={() => setAsking('launch')}
        >
          Launch …
        </ActButton>
      </Group>
      <AskBeforeLeaving unsaved={startAt !== first} />
      {asking === 'launch' && preview !== undefined && (
        <Confirm
          title={`Launch ${campaign.name}`}
          act={`Launch for ${count(preview.matched)}`}
          {...(preview.matched > TYPE_ABOVE ? { toType: String(preview.matched) } : {})}
          busy={launch.isPending}
          error={launch.error}
          onClose={() => setAsking(undefined)}
          onConfirm={() => launch.mutate(preview.matched)}
        >
          <Text>
            <b>{count(preview.matched)} devices</b>, in {campaign.batches.length}{' '}
            {campaign.batches.length === 1 ? 'batch' : 'batches'}; the first has{' '}
            {count(preview.batches[0]?.size ?? 0)}.
          </Text>
          <TypeSplit byDeviceType={preview.byDeviceType} />
          <Text c="dimmed">
            After this the definition is not edited any more. It can be paused and cancelled.
          </Text>
        </Confirm>
      )}
      {asking === 'schedule' && startAt !== undefined && (
        <Confirm
          title={`Schedule ${campaign.name}`}
          act="Schedule"
          {...(preview !== undefined && preview.matched > TYPE_ABOVE
            ? { toType: String(preview.matched) }
            : {})}
          busy={schedule.isPending}
          error={schedule.error}
          onClose={() => setAsking(undefined)}
          onConfirm={() => schedule.mutate(startAt)}
        >
          <Text>
            It launches itself <b>{exact(Date.parse(startAt))}</b>, without asking again, for the devices that
            match then
            {preview === undefined ? '.' : `: now they are ${count(preview.matched)}.`} When there are more by
            then, they are meant too. Until then it can be edited, moved and taken off the schedule.
          </Text>
        </Confirm>
      )}
    </Stack>
  );
};
