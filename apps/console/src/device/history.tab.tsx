import { Button, Group, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Schema } from '../api/client.js';
import { usePolling } from '../api/live.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { Moment } from '../shared/moment.js';
import { MOST } from '../shared/most.js';
import { Loaded, Nothing } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { sameJson } from '../shared/same-json.js';
import { StateMark } from '../shared/state-mark.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Value } from '../shared/value.js';
import { ENDS } from './connection-ends.js';
import {
  commandsQuery,
  configurationQuery,
  connectivityQuery,
  credentialsQuery,
  historyQuery,
  softwareQuery,
  tokensQuery,
} from './device.queries.js';
import { EditKey } from './edit-key.js';
import { mergedBack, ofCommands, ofConnections, ofIssued, ofSoftware, type Happened } from './timeline.js';
import { INTERFACES } from './device-fields.js';

type Item = Schema<'HistoryItem'>;

/** What happened to a device, newest first: one line of time out of the lists that there are. Of a key only its configuration. */
export const HistoryTab = ({
  id,
  keyName,
  onKey,
}: {
  readonly id: string;
  readonly keyName: string | undefined;
  readonly onKey: (key: string | undefined) => void;
}) => {
  const [limit, setLimit] = useState(50);
  const history = useQuery({ ...historyQuery(id, keyName, limit), refetchInterval: usePolling() });
  const configuration = useQuery(configurationQuery(id)).data;
  const poll = usePolling();
  const commands = useQuery({ ...commandsQuery(id, limit), refetchInterval: poll });
  const software = useQuery({ ...softwareQuery(id), refetchInterval: poll });
  const connectivity = useQuery({ ...connectivityQuery(id), refetchInterval: poll });
  const tokens = useQuery(tokensQuery(id));
  const credentials = useQuery(credentialsQuery(id));
  const others = [
    ...(commands.data === undefined ? [] : [ofCommands(commands.data)]),
    ...(software.data === undefined ? [] : [ofSoftware(software.data)]),
    ...(connectivity.data === undefined ? [] : [ofConnections(connectivity.data)]),
    ofIssued(tokens.data, credentials.data),
  ];
  const [back, setBack] = useState<{ readonly key: string; readonly value: unknown }>();
  const [typed, setTyped] = useState(keyName ?? '');
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onKey(typed.trim() === '' ? undefined : typed.trim());
        }}
      >
        <Group gap="xs" mb="sm" align="end">
          <TextInput
            label="Only of the key"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            list="history-keys"
          />
          <datalist id="history-keys">
            {Object.keys(configuration?.data.keys ?? {}).map((key) => (
              <option key={key} value={key} />
            ))}
          </datalist>
          <Button type="submit" variant="default">
            Show
          </Button>
          <AnchorLink to="/audit" search={{ device: id }}>
            Who did what to it
          </AnchorLink>
        </Group>
      </form>
      {[commands, software, connectivity, tokens, credentials].map(
        (query, index) =>
          query.isError && <ProblemView key={index} error={query.error} title="Some of it cannot be read" />,
      )}
      <Loaded query={history}>
        {({ items: configured, nextCursor }) => {
          const { items, more } = mergedBack([
            {
              items: configured.map((item) => ({ kind: 'configuration', at: item.at, item })),
              more: nextCursor !== null,
            },
            ...(keyName === undefined ? others : []),
          ]);
          return items.length === 0 ? (
            <Nothing
              why={
                keyName === undefined
                  ? 'Nothing has happened to this device.'
                  : 'Nothing has happened to this key.'
              }
            />
          ) : (
            <>
              <ol className="timeline">
                {items.map((one, index) => (
                  <li key={`${one.at} ${one.kind} ${index}`}>
                    <Moment at={one.at} clock />
                    <Line
                      happened={one}
                      onBack={(item) => setBack({ key: item.key ?? '', value: item.from })}
                    />
                  </li>
                ))}
              </ol>
              {more && limit < MOST && (
                <Button variant="default" mt="sm" onClick={() => setLimit(Math.min(MOST, limit + 150))}>
                  Show more
                </Button>
              )}
              {more && limit >= MOST && (
                <Text mt="sm">
                  It goes further back than is shown here: GET /api/v1/devices/{id}/configuration/history and
                  /commands list all.
                </Text>
              )}
              {keyName === undefined && (
                <Text c="dimmed" mt="sm">
                  Of software the last offer, refusal and report are known, of connections those there are and
                  the last end, of tokens and credentials when they were issued.
                </Text>
              )}
            </>
          );
        }}
      </Loaded>
      {back !== undefined && configuration !== undefined && (
        <EditKey
          id={id}
          opened={configuration}
          keyName={back.key}
          proposed={back.value}
          onClose={() => setBack(undefined)}
        />
      )}
    </>
  );
};

const Line = ({
  happened,
  onBack,
}: {
  readonly happened: Happened;
  readonly onBack: (item: Item) => void;
}) => {
  switch (happened.kind) {
    case 'configuration': {
      const { item } = happened;
      const canGoBack = item.kind === 'desired' && item.key !== undefined && item.from !== undefined;
      return <Entry item={item} {...(canGoBack ? { onBack: () => onBack(item) } : {})} />;
    }
    case 'command':
      return (
        <span className="anywhere">
          The command <b>{happened.command.type}</b> was given by{' '}
          <ActorName actor={happened.command.createdBy} />
        </span>
      );
    case 'answer': {
      const { type, status, statusCode, reasonPhrase } = happened.command;
      return (
        <span className="anywhere">
          <StateMark state={status} /> the command <b>{type}</b> {statusCode}{' '}
          {reasonPhrase !== undefined && `“${reasonPhrase}”`}
        </span>
      );
    }
    case 'offered':
      return (
        <span className="anywhere">
          {happened.software.firmwareType} <b>{happened.software.offered?.version}</b> was offered
          {happened.software.offered?.subscriber === false && ', and the device was not there'}
        </span>
      );
    case 'refused': {
      const { firmwareType, rejected } = happened.software;
      return (
        <span className="anywhere">
          <StateMark state="rejected" word={`It refused ${firmwareType} ${rejected?.version ?? ''}:`} />{' '}
          {rejected?.statusCode} {rejected?.reasonPhrase !== undefined && `“${rejected.reasonPhrase}”`}
        </span>
      );
    }
    case 'running':
      return (
        <span className="anywhere">
          It says that it runs {happened.software.firmwareType} <b>{happened.software.reportedVersion}</b>
        </span>
      );
    case 'connected':
      return (
        <span className="anywhere">
          It connected as <code>{happened.clientId}</code>, and is connected since
        </span>
      );
    case 'ended':
      return (
        <span className="anywhere">
          Its last connection ended: {ENDS[happened.ended.reason] ?? happened.ended.reason}
        </span>
      );
    case 'issued':
      return <span className="anywhere">{happened.what}</span>;
  }
};

const Entry = ({ item, onBack }: { readonly item: Item; readonly onBack?: () => void }) => {
  switch (item.kind) {
    case 'desired': {
      const stays = sameJson(item.from, item.to);
      return (
        <span className="anywhere">
          <b>{item.key}</b>{' '}
          {stays ? (
            'stays'
          ) : (
            <>
              set from{' '}
              <code>
                <Value name={item.key ?? ''} of={item.from} />
              </code>{' '}
              to
            </>
          )}{' '}
          <code>
            <Value name={item.key ?? ''} of={item.to} />
          </code>
          {stays && ', and is now set'} by <ActorName actor={item.source} />{' '}
          {onBack !== undefined && (
            <ActButton needs="configuration" variant="subtle" onClick={onBack}>
              Set it back …
            </ActButton>
          )}
        </span>
      );
    }
    case 'reported':
      return (
        <span className="anywhere">
          The device reports <b>{item.key}</b>{' '}
          <code>
            <Value name={item.key ?? ''} of={item.to} />
          </code>
        </span>
      );
    case 'applied':
      return (
        <span>
          <StateMark state="in_sync" word="The device has confirmed the configuration" />
        </span>
      );
    case 'rejected':
      return (
        <span className="anywhere">
          <StateMark
            state="rejected"
            word={`The device refused the configuration: ${item.statusCode ?? ''}`}
          />{' '}
          {item.reason !== undefined && `“${item.reason}”`}
        </span>
      );
    case 'dispatched':
      return (
        <span>
          {item.subscriber === false
            ? 'It was to be sent, and the device was not there.'
            : `Sent to the device${item.interface === undefined ? '' : ` over ${INTERFACES.find(({ value }) => value === item.interface)?.label ?? item.interface}`}.`}
        </span>
      );
    case 'reoffered':
      return (
        <span className="anywhere">
          Offered again by <ActorName actor={item.source} />
          {item.reason !== undefined && `: “${item.reason}”`}
        </span>
      );
  }
};
