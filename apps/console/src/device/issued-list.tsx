import { Button, Group, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon } from '@primer/octicons-react';
import { useMutation, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { faultAt, problemOf } from '../api/problem.js';
import { ActButton, ActItem } from '../shared/act-button.js';
import { Confirm } from '../shared/confirm-count.js';
import { Moment, useNow } from '../shared/moment.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { standingOf } from '../shared/standing.js';
import { StateMark } from '../shared/state-mark.js';
import { TimeInput } from '../shared/time-input.js';
import { ActsHead, Table } from '../shared/table.js';

/** What tokens and credentials of a device have in common. */
export interface Issued {
  readonly id: string;
  readonly status: string;
  readonly validFrom?: string;
  readonly validUntil?: string;
  readonly lastUsedAt?: string;
  readonly createdAt: string;
}

export interface IssuedEdit {
  readonly status?: 'active' | 'suspended' | 'revoked';
  readonly validFrom?: string | null;
  readonly validUntil?: string | null;
}

interface Calls {
  readonly edit: (id: string, edit: IssuedEdit) => Promise<unknown>;
  /** Takes a revoked one off the list. */
  readonly remove: (id: string) => Promise<unknown>;
}

/** What a device was issued to connect with, and how each is taken back, given a time, and replaced. */
export const IssuedList = <Item extends Issued>({
  deviceId,
  title,
  noun,
  nothing,
  suspended,
  revoked,
  query,
  known,
  nameOf,
  calls,
  actions,
  onRotate,
}: {
  readonly deviceId: string;
  readonly title: string;
  readonly noun: string;
  readonly nothing: string;
  /** What follows when one is suspended. */
  readonly suspended: string;
  /** What follows when one is revoked. */
  readonly revoked: string;
  readonly query: UseQueryResult<{ readonly items: readonly Item[] }>;
  /** What it is known by. */
  readonly known: (item: Item) => ReactNode;
  readonly nameOf: (item: Item) => string;
  readonly calls: Calls;
  readonly actions: ReactNode;
  /** Where another one can be issued in its place. */
  readonly onRotate?: (item: Item) => void;
}) => {
  const queries = useQueryClient();
  const now = useNow();
  const [asked, setAsked] = useState<{ readonly to: Asked; readonly item: Item }>();
  const act = useMutation({
    mutationFn: (run: () => Promise<unknown>) => run(),
    onSuccess: () => setAsked(undefined),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['device', deviceId] }),
  });
  const ask = (to: Asked, item: Item) => {
    act.reset();
    setAsked({ to, item });
  };
  const close = () => {
    act.reset();
    setAsked(undefined);
  };
  const edit = (id: string, change: IssuedEdit) => act.mutate(() => calls.edit(id, change));
  return (
    <Section title={title} actions={actions}>
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Nothing why={nothing} />
          ) : (
            <Table
              head={
                <>
                  <th>Known by</th>
                  <th>State</th>
                  <th className="wide">Created</th>
                  <th className="wide">Last used</th>
                  <th className="wide">Ends</th>
                  <ActsHead />
                </>
              }
            >
              {items.map((item) => (
                <tr key={item.id}>
                  <td className="value">{known(item)}</td>
                  <td>
                    <StateMark state={standingOf(item, now)} />
                  </td>
                  <td className="wide">
                    <Moment at={item.createdAt} />
                  </td>
                  <td className="wide">
                    <Moment at={item.lastUsedAt} />
                  </td>
                  <td className="wide">
                    <Moment at={item.validUntil} />
                  </td>
                  <td className="right">
                    <Acts
                      name={nameOf(item)}
                      status={item.status}
                      onAsk={(to) => ask(to, item)}
                      {...(onRotate === undefined ? {} : { onRotate: () => onRotate(item) })}
                    />
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      {asked?.to === 'time' && (
        <TimeDialog
          item={asked.item}
          noun={noun}
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onSave={(times) => edit(asked.item.id, times)}
        />
      )}
      {(asked?.to === 'suspend' || asked?.to === 'activate') && (
        <Confirm
          title={asked.to === 'suspend' ? `Suspend the ${noun}` : `Activate the ${noun}`}
          act={asked.to === 'suspend' ? 'Suspend' : 'Activate'}
          danger={asked.to === 'suspend'}
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() => edit(asked.item.id, { status: asked.to === 'suspend' ? 'suspended' : 'active' })}
        >
          <Text className="anywhere">
            {asked.to === 'suspend'
              ? `${suspended} ${nameOf(asked.item)} opens nothing until you activate it again.`
              : `What comes with ${nameOf(asked.item)} is taken for this device.`}
          </Text>
        </Confirm>
      )}
      {asked?.to === 'revoke' && (
        <Confirm
          title={`Revoke the ${noun}`}
          act="Revoke"
          danger
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() => edit(asked.item.id, { status: 'revoked' })}
        >
          <Text className="anywhere">
            {nameOf(asked.item)}: {revoked} This cannot be undone.
          </Text>
        </Confirm>
      )}
      {asked?.to === 'remove' && (
        <Confirm
          title={`Take the ${noun} off the list`}
          act="Take it off"
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() => act.mutate(() => calls.remove(asked.item.id))}
        >
          <Text>It opens nothing already. Only its line goes away.</Text>
        </Confirm>
      )}
    </Section>
  );
};

type Asked = 'suspend' | 'activate' | 'revoke' | 'remove' | 'time';

const Acts = ({
  name,
  status,
  onAsk,
  onRotate,
}: {
  readonly name: string;
  readonly status: string;
  readonly onAsk: (to: Asked) => void;
  readonly onRotate?: () => void;
}) => {
  if (status === 'revoked') {
    return (
      <ActButton
        needs="device"
        variant="default"
        onClick={() => onAsk('remove')}
        aria-label={`Take ${name} off the list`}
      >
        Take off …
      </ActButton>
    );
  }
  const act = status === 'active' ? 'Suspend' : 'Activate';
  return (
    <Group gap={4} justify="flex-end" wrap="nowrap">
      <ActButton
        needs="device"
        variant="default"
        onClick={() => onAsk(status === 'active' ? 'suspend' : 'activate')}
        aria-label={`${act} ${name} …`}
      >
        {act} …
      </ActButton>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" px={8} aria-label={`More acts: ${name}`}>
            <KebabHorizontalIcon size={16} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <ActItem needs="device" onClick={() => onAsk('time')}>
            Change its time …
          </ActItem>
          {onRotate !== undefined && (
            <ActItem needs="device" onClick={onRotate}>
              Issue another in its place …
            </ActItem>
          )}
          <ActItem needs="device" color="var(--bad)" onClick={() => onAsk('revoke')}>
            Revoke …
          </ActItem>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
};

const TimeDialog = ({
  item,
  noun,
  busy,
  error,
  onSave,
  onClose,
}: {
  readonly item: Issued;
  readonly noun: string;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onSave: (times: IssuedEdit) => void;
  readonly onClose: () => void;
}) => {
  const [from, setFrom] = useState(item.validFrom);
  const [until, setUntil] = useState(item.validUntil);
  const problem = error === null ? undefined : problemOf(error);
  return (
    <Confirm
      title={`The time of the ${noun}`}
      act="Save"
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() =>
        // A time that was not touched is not sent.
        onSave({
          ...(from === item.validFrom ? {} : { validFrom: from ?? null }),
          ...(until === item.validUntil ? {} : { validUntil: until ?? null }),
        })
      }
    >
      <TimeInput
        label="Opens from"
        description="Empty: at once"
        at={from}
        onChange={setFrom}
        error={faultAt(problem, 'validFrom')}
      />
      <TimeInput
        label="Until"
        description="Empty: without end. Who is connected with it then is disconnected."
        at={until}
        onChange={setUntil}
        error={faultAt(problem, 'validUntil')}
      />
    </Confirm>
  );
};
