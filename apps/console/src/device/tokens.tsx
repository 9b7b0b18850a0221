import { Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
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
        suspended="The device is disconnected at once."
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
  const [token, setToken] = useState('');
  const [until, setUntil] = useState<string>();
  return (
    <ActDialog
      title="Issue a token"
      act="Issue"
      refreshes={['device', id]}
      run={(key) =>
        answered(
          api.POST('/api/v1/devices/{id}/tokens', {
            params: { path: { id }, header: { 'Idempotency-Key': key } },
            body: {
              ...(token === '' ? {} : { token }),
              ...(until === undefined ? {} : { validUntil: until }),
            },
          }),
        )
      }
      answer={(issued) => (
        <ShownOnce
          title="A new token"
          secrets={{ 'Endpoint token': issued.token }}
          lost="Revoke the one that was made, and issue another."
          onClose={onClose}
        >
          {issued.status === 'inactive' && <Text>It opens nothing until you activate it in the list.</Text>}
        </ShownOnce>
      )}
      onClose={onClose}
    >
      {(problem) => (
        <>
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
        </>
      )}
    </ActDialog>
  );
};
