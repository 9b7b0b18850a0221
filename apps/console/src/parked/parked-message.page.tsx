import { Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { announce } from '../shared/announce.js';
import { Confirm } from '../shared/confirm-count.js';
import { bytes, count } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, PageHeader, Section } from '../shared/page.js';
import { ProblemView, TraceCopy } from '../shared/problem-view.js';
import { StateMark } from '../shared/state-mark.js';
import { parkedQuery } from './parked.queries.js';

/** One message that could not be processed: why, where it came from, what is in it. */
export const ParkedMessagePage = () => {
  const { id } = useParams({ from: '/parked/$id' });
  const parked = useQuery({ ...parkedQuery(id), refetchInterval: 10_000 });
  return (
    <div className="page">
      <Loaded query={parked}>{(message) => <Message message={message} />}</Loaded>
    </div>
  );
};

const Message = ({ message }: { readonly message: Schema<'ParkedDetails'> }) => {
  const { id, state, service, stream, consumer, subject, code, reason, tries, traceId, headers } = message;
  const queries = useQueryClient();
  const [dropping, setDropping] = useState(false);
  const renew = () => void queries.invalidateQueries({ queryKey: ['parked'] });
  const replay = useMutation({
    mutationFn: () => answered(api.POST('/api/v1/parked/{id}/replay', { params: { path: { id } } })),
    onSuccess: (now) => announce(now.state === 'replayed' ? 'It was replayed' : 'It failed again'),
    onSettled: renew,
  });
  const drop = useMutation({
    mutationFn: () => answered(api.DELETE('/api/v1/parked/{id}', { params: { path: { id } } })),
    onSuccess: () => setDropping(false),
    onSettled: renew,
  });
  return (
    <>
      <PageHeader
        title={consumer}
        above={
          <AnchorLink to="/parked" c="dimmed">
            Parked messages
          </AnchorLink>
        }
        beside={<StateMark state={state === 'open' ? 'undecided' : state} />}
        actions={
          state === 'open' && (
            <>
              <ActButton needs="parked-message" loading={replay.isPending} onClick={() => replay.mutate()}>
                Replay
              </ActButton>
              <ActButton needs="parked-message" variant="default" onClick={() => setDropping(true)}>
                Drop …
              </ActButton>
            </>
          )
        }
      />
      {replay.data?.state === 'open' && (
        <Text className="state-bad anywhere" role="alert">
          It failed again: {replay.data.reason}
        </Text>
      )}
      <ProblemView error={replay.error} />
      <dl className="facts">
        <dt>Why not</dt>
        <dd>
          {reason}
          {code !== undefined && (
            <>
              {' '}
              <code>{code}</code>
            </>
          )}
        </dd>
        <dt>Service</dt>
        <dd>{service}</dd>
        <dt>Came from</dt>
        <dd className="mono">{stream}</dd>
        <dt>Subject</dt>
        <dd className="mono">{subject}</dd>
        <dt>Tried</dt>
        <dd>
          {count(tries)} {tries === 1 ? 'time' : 'times'}
        </dd>
        <dt>First parked</dt>
        <dd>
          <Moment at={message.firstParkedAt} />
        </dd>
        <dt>Last parked</dt>
        <dd>
          <Moment at={message.lastParkedAt} />
        </dd>
        {message.decidedAt !== undefined && (
          <>
            <dt>Decided</dt>
            <dd>
              <Moment at={message.decidedAt} /> by <ActorName actor={message.decidedBy} />
            </dd>
          </>
        )}
        {traceId !== undefined && (
          <>
            <dt>Trace</dt>
            <dd>
              <TraceCopy traceId={traceId} />
            </dd>
          </>
        )}
      </dl>
      <Section title={`Content, ${bytes(message.bytes)}`}>
        <Content payload={message.payload} />
      </Section>
      <Section title="Headers">
        {Object.keys(headers).length === 0 ? (
          <Text c="dimmed">none</Text>
        ) : (
          <dl className="facts">
            {Object.entries(headers).map(([name, value]) => (
              <div key={name} style={{ display: 'contents' }}>
                <dt>{name}</dt>
                <dd className="mono">{value}</dd>
              </div>
            ))}
          </dl>
        )}
      </Section>
      {dropping && (
        <Confirm
          title="Drop the message"
          act="Drop"
          danger
          busy={drop.isPending}
          error={drop.error}
          onClose={() => setDropping(false)}
          onConfirm={() => drop.mutate()}
        >
          <Text>
            It is not processed any more. This cannot be undone; the message stays in the list of those that
            were dropped for some weeks.
          </Text>
        </Confirm>
      )}
    </>
  );
};

/** As text, and as it came: read and written again, JSON would lose what its numbers were. */
const Content = ({
  payload: { encoding, content, truncated },
}: {
  readonly payload: Schema<'ShownPayload'>;
}) => {
  if (encoding === 'absent') {
    return <Text c="dimmed">It did not fit and is in the stream only, as long as the stream keeps it.</Text>;
  }
  return (
    <>
      {encoding === 'base64' && <Text c="dimmed">Its bytes are no text; this is Base64.</Text>}
      <pre className="content" tabIndex={0} aria-label="Content of the message">
        {content}
      </pre>
      {truncated && <Text c="dimmed">Only its beginning is shown.</Text>}
    </>
  );
};
