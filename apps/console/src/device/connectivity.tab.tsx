import { Button, Group, Modal, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, newIdempotencyKey } from '../api/client.js';
import { usePolling } from '../api/live.js';
import { Secret } from '../devices/secret.js';
import { Confirm } from '../shared/confirm-count.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { connectionState, StateMark } from '../shared/state-mark.js';
import { connectivityQuery, credentialsQuery, tokensQuery } from './device.queries.js';

type Status = 'active' | 'suspended' | 'revoked';

/** Whether and how the device is connected, and what it may connect with. */
export const ConnectivityTab = ({ id }: { readonly id: string }) => (
  <>
    <Connection id={id} />
    <Tokens id={id} />
    <Credentials id={id} />
  </>
);

const Connection = ({ id }: { readonly id: string }) => {
  const connectivity = useQuery({ ...connectivityQuery(id), refetchInterval: usePolling() });
  return (
    <Section title="Connection">
      <Loaded query={connectivity}>
        {({ connected, since, lastSeenAt, interface: via, connections, lastEnded }) => (
          <>
            <dl className="facts">
              <dt>Now</dt>
              <dd>
                <StateMark state={connectionState(connected, lastSeenAt)} /> over {via}
                {since !== null && (
                  <>
                    , since <Moment at={since} />
                  </>
                )}
              </dd>
              <dt>Last seen</dt>
              <dd>
                <Moment at={lastSeenAt} />
              </dd>
              {lastEnded !== null && (
                <>
                  <dt>Last connection ended</dt>
                  <dd>
                    <Moment at={lastEnded.at} />: {ENDS[lastEnded.reason] ?? lastEnded.reason} (client{' '}
                    <code>{lastEnded.clientId}</code>)
                  </dd>
                </>
              )}
            </dl>
            {connections.length > 0 && (
              <div className="table-scroll" style={{ marginTop: 10 }}>
                <table className="table">
                  <thead>
                    <tr>
                      <th>Client</th>
                      <th>Transport</th>
                      <th>MQTT</th>
                      <th>Address</th>
                      <th>Since</th>
                    </tr>
                  </thead>
                  <tbody>
                    {connections.map(({ clientId, deviceId, transport, protocol, address, since: begun }) => (
                      <tr key={clientId}>
                        <td className="value">
                          {clientId}
                          {deviceId !== id && <div className="dim">of a gateway</div>}
                        </td>
                        <td>{transport}</td>
                        <td>{protocol}</td>
                        <td className="value">{address ?? '–'}</td>
                        <td>
                          <Moment at={begun} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
};

const ENDS: Readonly<Record<string, string>> = {
  disconnected: 'the device said good-bye',
  lost: 'the connection was lost',
  keepalive: 'the device was silent for longer than it had said',
  'taken-over': 'another client came with the same id',
  'protocol-error': 'the device broke the rules of MQTT',
  'too-slow': 'the device did not read what it was sent',
  revoked: 'it may connect no more',
  limit: 'a limit was reached',
  broker: 'the broker ended it',
  unavailable: 'a service was away',
  stopping: 'the door was stopped',
  'door-lost': 'the door died',
};

const Tokens = ({ id }: { readonly id: string }) => {
  const queries = useQueryClient();
  const tokens = useQuery(tokensQuery(id));
  const [revoking, setRevoking] = useState<string>();
  const refresh = () => void queries.invalidateQueries({ queryKey: ['device', id] });
  const change = useMutation({
    mutationFn: ({ tokenId, status }: { readonly tokenId: string; readonly status: Status }) =>
      answered(
        api.PATCH('/api/v1/devices/{id}/tokens/{tokenId}', {
          params: { path: { id, tokenId } },
          body: { status },
        }),
      ),
    onSuccess: () => setRevoking(undefined),
    onSettled: refresh,
  });
  const issue = useMutation({
    mutationFn: () =>
      answered(
        api.POST('/api/v1/devices/{id}/tokens', {
          params: { path: { id }, header: { 'Idempotency-Key': newIdempotencyKey() } },
          body: {},
        }),
      ),
    onSettled: refresh,
  });
  return (
    <Section
      title="Endpoint tokens"
      actions={
        <Button variant="default" loading={issue.isPending} onClick={() => issue.mutate()}>
          New token
        </Button>
      }
    >
      <ProblemView error={issue.error ?? (revoking === undefined ? change.error : undefined)} />
      <Loaded query={tokens}>
        {({ items }) =>
          items.length === 0 ? (
            <Nothing why="It has no token." />
          ) : (
            <div className="table-scroll">
              <table className="table">
                <thead>
                  <tr>
                    <th>Begins with</th>
                    <th>State</th>
                    <th>Created</th>
                    <th>
                      <span className="visually-hidden">Acts</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map(({ id: tokenId, hint, status, createdAt }) => (
                    <tr key={tokenId}>
                      <td className="value">{hint}</td>
                      <td>
                        <StateMark state={status} />
                      </td>
                      <td>
                        <Moment at={createdAt} />
                      </td>
                      <td className="right">
                        <StatusActs
                          status={status}
                          name={`token ${hint}`}
                          onStatus={(next) => change.mutate({ tokenId, status: next })}
                          onRevoke={() => setRevoking(tokenId)}
                        />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
      {issue.data?.token !== undefined && (
        <ShownOnce title="A new token" onClose={() => issue.reset()}>
          <Secret label="Endpoint token" text={issue.data.token} />
        </ShownOnce>
      )}
      {revoking !== undefined && (
        <Confirm
          title="Revoke the token"
          act="Revoke"
          danger
          busy={change.isPending}
          error={change.error}
          onClose={() => setRevoking(undefined)}
          onConfirm={() => change.mutate({ tokenId: revoking, status: 'revoked' })}
        >
          <Text>
            The device is disconnected at once, and this token opens nothing any more. This cannot be undone:
            it needs a new one.
          </Text>
        </Confirm>
      )}
    </Section>
  );
};

const Credentials = ({ id }: { readonly id: string }) => {
  const queries = useQueryClient();
  const credentials = useQuery(credentialsQuery(id));
  const [revoking, setRevoking] = useState<string>();
  const refresh = () => void queries.invalidateQueries({ queryKey: ['device', id] });
  const change = useMutation({
    mutationFn: ({ credentialId, status }: { readonly credentialId: string; readonly status: Status }) =>
      answered(
        api.PATCH('/api/v1/devices/{id}/credentials/{credentialId}', {
          params: { path: { id, credentialId } },
          body: { status },
        }),
      ),
    onSuccess: () => setRevoking(undefined),
    onSettled: refresh,
  });
  const issue = useMutation({
    mutationFn: () =>
      answered(
        api.POST('/api/v1/devices/{id}/credentials', {
          params: { path: { id }, header: { 'Idempotency-Key': newIdempotencyKey() } },
          body: { kind: 'password' },
        }),
      ),
    onSettled: refresh,
  });
  return (
    <Section
      title="Credentials"
      actions={
        <Button variant="default" loading={issue.isPending} onClick={() => issue.mutate()}>
          New password
        </Button>
      }
    >
      <ProblemView error={issue.error ?? (revoking === undefined ? change.error : undefined)} />
      <Loaded query={credentials}>
        {({ items }) =>
          items.length === 0 ? (
            <Nothing why="It has no credential beside its token." />
          ) : (
            <div className="table-scroll">
              <table className="table">
                <thead>
                  <tr>
                    <th>Kind</th>
                    <th>State</th>
                    <th>Known by</th>
                    <th>Last used</th>
                    <th className="wide">Ends</th>
                    <th>
                      <span className="visually-hidden">Acts</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map(
                    ({
                      id: credentialId,
                      kind,
                      status,
                      username,
                      sha256,
                      subject,
                      lastUsedAt,
                      validUntil,
                    }) => (
                      <tr key={credentialId}>
                        <td>{kind}</td>
                        <td>
                          <StateMark state={status} />
                        </td>
                        <td className="value">{username ?? subject ?? sha256 ?? ''}</td>
                        <td>
                          <Moment at={lastUsedAt} />
                        </td>
                        <td className="wide">
                          <Moment at={validUntil} />
                        </td>
                        <td className="right">
                          <StatusActs
                            status={status}
                            name={`${kind} ${username ?? subject ?? ''}`}
                            onStatus={(next) => change.mutate({ credentialId, status: next })}
                            onRevoke={() => setRevoking(credentialId)}
                          />
                        </td>
                      </tr>
                    ),
                  )}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
      {issue.data !== undefined && (
        <ShownOnce title="A new password" onClose={() => issue.reset()}>
          {issue.data.username !== undefined && <Secret label="Username" text={issue.data.username} />}
          {issue.data.password !== undefined && <Secret label="Password" text={issue.data.password} />}
        </ShownOnce>
      )}
      {revoking !== undefined && (
        <Confirm
          title="Revoke the credential"
          act="Revoke"
          danger
          busy={change.isPending}
          error={change.error}
          onClose={() => setRevoking(undefined)}
          onConfirm={() => change.mutate({ credentialId: revoking, status: 'revoked' })}
        >
          <Text>Whoever is connected with it is disconnected at once. This cannot be undone.</Text>
        </Confirm>
      )}
    </Section>
  );
};

const StatusActs = ({
  status,
  name,
  onStatus,
  onRevoke,
}: {
  readonly status: string;
  readonly name: string;
  readonly onStatus: (status: Status) => void;
  readonly onRevoke: () => void;
}) => {
  if (status === 'revoked') return null;
  return (
    <Group gap={4} justify="flex-end" wrap="nowrap">
      {status === 'active' ? (
        <Button variant="default" onClick={() => onStatus('suspended')} aria-label={`Suspend ${name}`}>
          Suspend
        </Button>
      ) : (
        <Button variant="default" onClick={() => onStatus('active')} aria-label={`Activate ${name}`}>
          Activate
        </Button>
      )}
      <Button variant="default" onClick={onRevoke} aria-label={`Revoke ${name}`}>
        Revoke
      </Button>
    </Group>
  );
};

const ShownOnce = ({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: React.ReactNode;
}) => (
  <Modal opened onClose={onClose} title={title} size="lg" closeOnClickOutside={false}>
    <Text mb="sm">Copy it now: it is not shown again.</Text>
    {children}
  </Modal>
);
