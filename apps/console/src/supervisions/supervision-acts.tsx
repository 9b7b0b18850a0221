import { Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, withEtag } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt } from '../api/problem.js';
import { campaignForInvalid } from '../campaigns/draft-for.js';
import { ProblemModal } from '../campaigns/campaign-dialogs.js';
import { ActButton } from '../shared/act-button.js';
import { Confirm } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { useEdit, type Versioned } from '../shared/use-edit.js';
import { supervisionQuery, type Supervision } from './supervisions.queries.js';

type Asked = 'rename' | 'close' | 'delete';

/** What can be done with a supervision as it is now. */
export const SupervisionActs = ({
  supervision,
  etag,
}: {
  readonly supervision: Supervision;
  readonly etag: string;
}) => {
  const { id, status, campaignId, verdicts, configurations } = supervision;
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked>();
  const act = useMutation({
    mutationFn: (run: () => Promise<unknown>) => run(),
    onSuccess: () => setAsked(undefined),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['supervision', id] });
      void queries.invalidateQueries({ queryKey: ['supervisions'] });
    },
  });
  const once = useIdempotencyKey();
  const mend = useMutation({
    mutationFn: () => once((key) => campaignForInvalid(supervision, key)),
    onSuccess: (draft) =>
      void navigate({ to: '/campaigns/$id/edit/$step', params: { id: draft, step: 'definition' } }),
  });
  const params = { path: { id } };
  const ask = (what: Asked) => {
    act.reset();
    setAsked(what);
  };
  const open = status === 'open';
  const common = { busy: act.isPending, onClose: () => setAsked(undefined) };
  return (
    <>
      {verdicts.invalid > 0 && Object.keys(configurations).length > 0 && (
        <ActButton needs="campaign" loading={mend.isPending} onClick={() => mend.mutate()}>
          Campaign for the {count(verdicts.invalid)} invalid …
        </ActButton>
      )}
      {mend.isError && <ProblemModal error={mend.error} onClose={() => mend.reset()} />}
      {(open || status === 'resolving') && (
        <ActButton needs="supervision" variant="default" onClick={() => ask('rename')}>
          Rename …
        </ActButton>
      )}
      {open && (
        <ActButton needs="supervision" variant="default" onClick={() => ask('close')}>
          Close …
        </ActButton>
      )}
      {(status === 'closed' || status === 'failed') && (
        <ActButton needs="supervision" variant="default" onClick={() => ask('delete')}>
          Delete …
        </ActButton>
      )}
      {asked === 'rename' && (
        <Rename opened={{ data: supervision, etag }} onClose={() => setAsked(undefined)} />
      )}
      {asked === 'close' && (
        <Confirm
          {...common}
          title="Close the supervision"
          act="Close"
          error={act.error}
          onConfirm={() =>
            act.mutate(() => answered(api.POST('/api/v1/supervisions/{id}/close', { params })))
          }
        >
          <Text>
            Its verdicts stay as they are now and follow the devices no more. It is not opened again.
          </Text>
          {campaignId !== undefined && (
            <Text>The second bar of its campaign does not move any more either.</Text>
          )}
        </Confirm>
      )}
      {asked === 'delete' && (
        <Confirm
          {...common}
          title="Delete the supervision"
          act="Delete"
          danger
          error={act.error}
          onConfirm={() =>
            act.mutate(async () => {
              await answered(api.DELETE('/api/v1/supervisions/{id}', { params }));
              await navigate({ to: '/supervisions' });
            })
          }
        >
          <Text>Its verdicts are forgotten. The devices stay as they are.</Text>
        </Confirm>
      )}
    </>
  );
};

/** Upon what was seen when it was opened: a name that somebody else gave meanwhile is shown first. */
const Rename = ({
  opened,
  onClose,
}: {
  readonly opened: Versioned<Supervision>;
  readonly onClose: () => void;
}) => {
  const { id } = opened.data;
  const queries = useQueryClient();
  const [name, setName] = useState(opened.data.name);
  const { save, busy, theirs, error, problem } = useEdit({
    opened,
    now: () => queries.query({ ...supervisionQuery(id), staleTime: 0 }),
    send: (typed: string, upon) =>
      withEtag(
        api.PATCH('/api/v1/supervisions/{id}', {
          params: { path: { id }, header: { 'If-Match': upon.etag } },
          body: { name: typed },
        }),
      ),
    onSaved: () => {
      void queries.invalidateQueries({ queryKey: ['supervision', id] });
      void queries.invalidateQueries({ queryKey: ['supervisions'] });
      onClose();
    },
  });
  const fault = faultAt(problem, 'name');
  return (
    <Confirm
      title="Rename the supervision"
      act={theirs === undefined ? 'Rename' : 'Save mine over it'}
      busy={busy}
      error={fault === undefined ? error : undefined}
      onClose={onClose}
      onConfirm={() => save(name)}
    >
      <TextInput
        data-autofocus
        required
        label="Name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={fault}
      />
      <Text c="dimmed">
        Which devices it watches and what they should be is not changed: close it and open another one.
      </Text>
      {theirs !== undefined && (
        <Text role="alert" className="state-bad">
          Somebody was faster: it is called “{theirs.name}” now. Nothing of yours is saved yet.
        </Text>
      )}
    </Confirm>
  );
};
