import { Button, Group, Text } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { platformTime } from '../api/platform-clock.js';
import { usePolling } from '../api/live.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { exact } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { StateMark, syncState as toState } from '../shared/state-mark.js';
import { Value } from '../shared/value.js';
import { TimeInput } from '../shared/time-input.js';
import type { Versioned } from '../shared/use-edit.js';
import { keyState } from './change.js';
import { configurationQuery, type Configuration } from './device.queries.js';
import { EditKey } from './edit-key.js';
import { ActsHead, Table } from '../shared/table.js';

const ORIGINS = {
  device: 'its own',
  'app-version': 'default of the version',
  'device-type': 'default of the type',
} as const;

/** Per key: what it should be, what the device says it is, whose value that is, since when and by whom. */
export const ConfigurationTab = ({
  id,
  at,
  onAt,
}: {
  readonly id: string;
  readonly at: string | undefined;
  readonly onAt: (at: string | undefined) => void;
}) => {
  const now = useQuery({ ...configurationQuery(id), refetchInterval: usePolling() });
  const then = useQuery({ ...configurationQuery(id, at), enabled: at !== undefined });
  const [editing, setEditing] = useState<{ readonly key: string; readonly upon: Versioned<Configuration> }>();
  return (
    <Loaded query={now}>
      {(upon) => (
        <>
          <Group justify="space-between" mb="sm">
            <Standing id={id} configuration={upon.data} />
            <Group gap="xs" align="end">
              <Compare at={at} onAt={onAt} />
              <ActButton
                needs="configuration"
                leftSection={<PlusIcon size={14} />}
                onClick={() => setEditing({ key: '', upon })}
              >
                Set a key
              </ActButton>
            </Group>
          </Group>
          <ProblemView error={then.error} />
          {Object.keys(upon.data.keys).length === 0 ? (
            <Nothing why="This device has no configuration: no value of its own, and no default of its type.">
              <ActButton needs="configuration" onClick={() => setEditing({ key: '', upon })}>
                Set the first key
              </ActButton>
            </Nothing>
          ) : (
            <KeyTable
              configuration={upon.data}
              {...(at === undefined || then.data === undefined ? {} : { then: then.data.data })}
              onEdit={(key) => setEditing({ key, upon })}
            />
          )}
          {editing !== undefined && (
            <EditKey
              id={id}
              opened={editing.upon}
              keyName={editing.key}
              onClose={() => setEditing(undefined)}
            />
          )}
        </>
      )}
    </Loaded>
  );
};

const KeyTable = ({
  configuration,
  then,
  onEdit,
}: {
  readonly configuration: Configuration;
  readonly then?: Configuration;
  readonly onEdit: (key: string) => void;
}) => {
  const keys = [...new Set([...Object.keys(configuration.keys), ...Object.keys(then?.keys ?? {})])].sort();
  return (
    <Table
      isCards
      head={
        <>
          <th>Key</th>
          <th>Desired</th>
          {then !== undefined && <th>Desired then</th>}
          <th>Reported</th>
          <th>State</th>
          <th className="wide">Whose value</th>
          <th className="wide">Since</th>
          <th className="wide">By</th>
          <ActsHead />
        </>
      }
    >
      {keys.map((key) => {
        const view = configuration.keys[key];
        const before = then?.keys[key]?.desired;
        const differs = then !== undefined && JSON.stringify(before) !== JSON.stringify(view?.desired);
        return (
          <tr key={key} className={differs ? 'changed' : undefined}>
            <td className="anywhere">
              <b>{key}</b>
            </td>
            <td className="value" data-label="Desired">
              <Value name={key} of={view?.desired} />
            </td>
            {then !== undefined && (
              <td className="value" data-label="Desired then">
                <Value name={key} of={before} />
              </td>
            )}
            <td
              className="value"
              data-label="Reported"
              title={
                view?.reportedAt === undefined ? undefined : `Reported ${exact(Date.parse(view.reportedAt))}`
              }
            >
              <Value name={key} of={view?.reported} />
            </td>
            <td data-label="State">
              <StateMark state={toState(keyState(configuration, key))} />
            </td>
            <td className="wide" data-label="Whose value">
              {view?.origin === undefined ? '' : ORIGINS[view.origin]}
            </td>
            <td className="wide" data-label="Since">
              <Moment at={view?.desiredAt} fallback="" />
            </td>
            <td className="wide" data-label="By">
              {view?.desiredBy !== undefined && <ActorName actor={view.desiredBy} />}
            </td>
            <td className="right">
              <ActButton
                needs="configuration"
                variant="default"
                onClick={() => onEdit(key)}
                aria-label={`Edit ${key}`}
              >
                Edit
              </ActButton>
            </td>
          </tr>
        );
      })}
    </Table>
  );
};

const Standing = ({
  id,
  configuration: { syncState, rejection },
}: {
  readonly id: string;
  readonly configuration: Configuration;
}) => {
  const queries = useQueryClient();
  const reoffer = useMutation({
    mutationFn: () =>
      answered(
        api.POST('/api/v1/devices/{id}/configuration/reoffer', { params: { path: { id } }, body: {} }),
      ),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['device', id] }),
  });
  return (
    <div>
      <Group gap="xs">
        <Text>The whole configuration is</Text>
        <StateMark state={toState(syncState)} />
        {(syncState === 'rejected' || syncState === 'unconfirmed') && (
          <ActButton
            needs="configuration"
            variant="default"
            loading={reoffer.isPending}
            onClick={() => reoffer.mutate()}
          >
            Offer it again
          </ActButton>
        )}
      </Group>
      {rejection !== undefined && (
        <Text className="state-bad anywhere">
          The device answered {rejection.statusCode}
          {rejection.reasonPhrase === undefined ? '' : `: “${rejection.reasonPhrase}”`},{' '}
          <Moment at={rejection.at} />
        </Text>
      )}
      <ProblemView error={reoffer.error} />
    </div>
  );
};

const Compare = ({
  at,
  onAt,
}: {
  readonly at: string | undefined;
  readonly onAt: (at: string | undefined) => void;
}) => (
  <Group gap={4} align="end">
    <TimeInput label="Compare with" at={at} max={new Date(platformTime()).toISOString()} onChange={onAt} />
    {at !== undefined && (
      <Button variant="default" onClick={() => onAt(undefined)}>
        Only now
      </Button>
    )}
  </Group>
);
