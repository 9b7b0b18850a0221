import { Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { faultAt, problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { Confirm } from '../shared/confirm-count.js';
import type { Supervision } from './supervisions.queries.js';

type Asked = 'rename' | 'close' | 'delete';

/** What can be done with a supervision as it is now. */
export const SupervisionActs = ({
  supervision: { id, name, status, campaignId },
  etag,
}: {
  readonly supervision: Supervision;
  readonly etag: string;
}) => {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked>();
  const [typed, setTyped] = useState(name);
  const act = useMutation({
    mutationFn: (run: () => Promise<unknown>) => run(),
    onSuccess: () => setAsked(undefined),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['supervision', id] });
      void queries.invalidateQueries({ queryKey: ['supervisions'] });
    },
  });
  const params = { path: { id } };
  const ask = (what: Asked) => {
    act.reset();
    setTyped(name);
    setAsked(what);
  };
  const open = status === 'open';
  const problem = act.isError ? problemOf(act.error) : undefined;
  const common = { busy: act.isPending, onClose: () => setAsked(undefined) };
  return (
    <>
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
        <Confirm
          {...common}
          title="Rename the supervision"
          act="Rename"
          error={faultAt(problem, 'name') === undefined ? act.error : undefined}
          onConfirm={() =>
            act.mutate(() =>
              answered(
                api.PATCH('/api/v1/supervisions/{id}', {
                  params: { ...params, header: { 'If-Match': etag } },
                  body: { name: typed },
                }),
              ),
            )
          }
        >
          <TextInput
            data-autofocus
            required
            label="Name"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <Text c="dimmed">
            Which devices it watches and what they should be is not changed: close it and open another one.
          </Text>
        </Confirm>
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
