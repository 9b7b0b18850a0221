import { Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { Confirm } from '../shared/confirm-count.js';
import { ShownOnce } from '../shared/shown-once.js';
import { TimeInput } from '../shared/time-input.js';
import { tokensQuery } from './device.queries.js';
import { IssuedList, type IssuedEdit } from './issued-list.js';

/** The endpoint tokens, which name the device in its topics. */
export const Tokens = ({ id }: { readonly id: string }) => {
  const tokens = useQuery(tokensQuery(id));
  const [issuing, setIssuing] = useState(false);
  return (
    <>
      <IssuedList
        deviceId={id}
        title="Endpoint tokens"
        noun="token"
        nothing="It has no token: it cannot be reached, and can send nothing."
        revoked="The device is disconnected at once, and this token opens nothing any more: it needs a new one."
        query={tokens}
        known={({ hint }) => `${hint}…`}
        nameOf={({ hint }) => `token ${hint}`}
        calls={{
          edit: (tokenId, body: IssuedEdit) =>
            answered(
              api.PATCH('/api/v1/devices/{id}/tokens/{tokenId}', {
                params: { path: { id, tokenId } },
                body,
              }),
            ),
          remove: (tokenId) =>
            answered(
              api.DELETE('/api/v1/devices/{id}/tokens/{tokenId}', { params: { path: { id, tokenId } } }),
            ),
        }}
        actions={
          <ActButton needs="device" variant="default" onClick={() => setIssuing(true)}>
            New token …
          </ActButton>
        }
      />
      {issuing && <IssueToken id={id} onClose={() => setIssuing(false)} />}
    </>
  );
};

const IssueToken = ({ id, onClose }: { readonly id: string; readonly onClose: () => void }) => {
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  const [until, setUntil] = useState<string>();
  const once = useIdempotencyKey();
  const issue = useMutation({
    mutationFn: () =>
      once((key) =>
        answered(
          api.POST('/api/v1/devices/{id}/tokens', {
            params: { path: { id }, header: { 'Idempotency-Key': key } },
            body: {
              ...(token === '' ? {} : { token }),
              ...(until === undefined ? {} : { validUntil: until }),
            },
          }),
        ),
      ),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['device', id] }),
  });
  if (issue.data !== undefined) {
    return (
      <ShownOnce
        title="A new token"
        secrets={{ 'Endpoint token': issue.data.token }}
        lost="Revoke the one that was made, and issue another."
        onClose={onClose}
      >
        {issue.data.status === 'inactive' && <Text>It opens nothing until you activate it in the list.</Text>}
      </ShownOnce>
    );
  }
  const problem = issue.isError ? problemOf(issue.error) : undefined;
  return (
    <Confirm
      title="Issue a token"
      act="Issue"
      busy={issue.isPending}
      error={issue.error}
      onClose={onClose}
      onConfirm={() => issue.mutate()}
    >
      <TextInput
        label="Text"
        description="Empty: the platform makes one"
        value={token}
        onChange={(event) => setToken(event.currentTarget.value)}
        error={faultAt(problem, 'token')}
        autoComplete="off"
      />
      <TimeInput
        label="Until"
        description="Empty: without end"
        at={until}
        onChange={setUntil}
        error={faultAt(problem, 'validUntil')}
      />
    </Confirm>
  );
};
