import { Button, Group, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Schema } from '../api/client.js';
import { usePolling } from '../api/live.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { json } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { configurationQuery, historyQuery } from './device.queries.js';
import { EditKey } from './edit-key.js';

type Item = Schema<'HistoryItem'>;

/** Everything that happened to the configuration of a device, newest first. */
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
        </Group>
      </form>
      <Loaded query={history}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing why="Nothing has happened to this configuration." />
          ) : (
            <>
              <ol className="timeline">
                {items.map((item, index) => (
                  <li key={`${item.version} ${item.kind} ${item.key ?? ''} ${index}`}>
                    <Moment at={item.at} />
                    <Entry
                      item={item}
                      {...(item.kind === 'desired' && item.key !== undefined && item.from !== undefined
                        ? { onBack: () => setBack({ key: item.key ?? '', value: item.from }) }
                        : {})}
                    />
                  </li>
                ))}
              </ol>
              {nextCursor !== null && limit < 500 && (
                <Button variant="default" mt="sm" onClick={() => setLimit(Math.min(500, limit + 100))}>
                  Show more
                </Button>
              )}
            </>
          )
        }
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

const Entry = ({ item, onBack }: { readonly item: Item; readonly onBack?: () => void }) => {
  switch (item.kind) {
    case 'desired':
      return (
        <span className="anywhere">
          <b>{item.key}</b> set from <code>{json(item.from)}</code> to <code>{json(item.to)}</code> by{' '}
          <ActorName actor={item.source} />{' '}
          {onBack !== undefined && (
            <ActButton needs="configuration" variant="subtle" onClick={onBack}>
              Set it back …
            </ActButton>
          )}
        </span>
      );
    case 'reported':
      return (
        <span className="anywhere">
          The device reports <b>{item.key}</b> <code>{json(item.to)}</code>
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
            : `Sent to the device${item.interface === undefined ? '' : ` over ${item.interface}`}.`}
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
