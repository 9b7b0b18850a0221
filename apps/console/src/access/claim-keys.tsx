import { Button, Group, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon, PlusIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { ActButton, ActItem } from '../shared/act-button.js';
import { Confirm } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { Moment, useNow } from '../shared/moment.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { standingOf } from '../shared/standing.js';
import { StateMark } from '../shared/state-mark.js';
import { claimKeysQuery, type ClaimKey } from './access.queries.js';
import { EditClaimKey, IssueClaimKey } from './claim-key-dialogs.js';

type Asked = 'edit' | 'revoke' | 'delete';

/** Keys with which devices enrol that have no certificate. */
export const ClaimKeys = () => {
  const { cursor } = useSearch({ from: '/access/$section' });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const now = useNow();
  const keys = useQuery(claimKeysQuery(cursor));
  const [issuing, setIssuing] = useState(false);
  const [asked, setAsked] = useState<{ readonly to: Asked; readonly key: ClaimKey }>();
  const act = useMutation({
    mutationFn: (run: () => Promise<unknown>) => run(),
    onSuccess: () => setAsked(undefined),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['claim-keys'] }),
  });
  const set = (id: string, status: ClaimKey['status']) =>
    act.mutate(() =>
      answered(api.PATCH('/api/v1/claim-keys/{id}', { params: { path: { id } }, body: { status } })),
    );
  const close = () => {
    act.reset();
    setAsked(undefined);
  };
  const ask = (to: Asked, key: ClaimKey) => {
    act.reset();
    setAsked({ to, key });
  };
  return (
    <Section
      title="Claim keys"
      actions={
        <ActButton needs="device" leftSection={<PlusIcon size={14} />} onClick={() => setIssuing(true)}>
          Issue a claim key
        </ActButton>
      }
    >
      {asked === undefined && <ProblemView error={act.error} />}
      <Loaded query={keys}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing why="There is no claim key. With one, devices that nobody has made one by one make themselves, so many and for so long as it says.">
              <ActButton needs="device" onClick={() => setIssuing(true)}>
                Issue the first one
              </ActButton>
            </Nothing>
          ) : (
            <>
              <div className="table-scroll">
                <table className="table">
                  <thead>
                    <tr>
                      <th>Name</th>
                      <th>State</th>
                      <th className="wide">Makes</th>
                      <th className="right">Enrolled</th>
                      <th className="wide">Ends</th>
                      <th>
                        <span className="visually-hidden">Acts</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {items.map((key) => (
                      <tr key={key.id}>
                        <td className="anywhere">
                          <b>{key.name}</b>
                          <div className="dim">
                            <code>{key.hint}…</code>
                          </div>
                        </td>
                        <td>
                          <StateMark state={standingOf(key, now)} />
                        </td>
                        <td className="anywhere wide">
                          {key.deviceType}, {key.interface}, in {key.folder}
                          {key.tags.length > 0 && <div className="dim">{key.tags.join(', ')}</div>}
                        </td>
                        <td className="right nowrap">
                          {count(key.enrolled)} of {count(key.limit)}
                        </td>
                        <td className="wide">
                          <Moment at={key.validUntil} />
                        </td>
                        <td className="right">
                          <Acts claimKey={key} onAsk={(to) => ask(to, key)} onStatus={set} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {nextCursor !== null && (
                <Button
                  mt="sm"
                  variant="default"
                  onClick={() =>
                    void navigate({
                      to: '/access/$section',
                      params: { section: 'claim-keys' },
                      search: { cursor: nextCursor },
                    })
                  }
                >
                  More
                </Button>
              )}
            </>
          )
        }
      </Loaded>
      {issuing && <IssueClaimKey onClose={() => setIssuing(false)} />}
      {asked?.to === 'edit' && <EditClaimKey claimKey={asked.key} onClose={close} />}
      {asked?.to === 'revoke' && (
        <Confirm
          title={`Revoke ${asked.key.name}`}
          act="Revoke"
          danger
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() => set(asked.key.id, 'revoked')}
        >
          <Text>
            Nobody enrols with it any more; the devices that have stay. This cannot be undone; suspending can.
          </Text>
        </Confirm>
      )}
      {asked?.to === 'delete' && (
        <Confirm
          title={`Delete ${asked.key.name}`}
          act="Delete"
          danger
          busy={act.isPending}
          error={act.error}
          onClose={close}
          onConfirm={() =>
            act.mutate(() =>
              answered(api.DELETE('/api/v1/claim-keys/{id}', { params: { path: { id: asked.key.id } } })),
            )
          }
        >
          <Text>Nobody enrols with it any more; the devices that have stay. This cannot be undone.</Text>
        </Confirm>
      )}
    </Section>
  );
};

const Acts = ({
  claimKey: { id, name, status },
  onAsk,
  onStatus,
}: {
  readonly claimKey: ClaimKey;
  readonly onAsk: (to: Asked) => void;
  readonly onStatus: (id: string, status: 'active' | 'suspended') => void;
}) => (
  <Group gap={4} justify="flex-end" wrap="nowrap">
    {status !== 'revoked' && (
      <ActButton needs="device" variant="default" onClick={() => onAsk('edit')} aria-label={`Edit … ${name}`}>
        Edit …
      </ActButton>
    )}
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" px={8} aria-label={`More acts: ${name}`}>
          <KebabHorizontalIcon size={16} />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {status === 'active' && (
          <ActItem needs="device" onClick={() => onStatus(id, 'suspended')}>
            Suspend: nobody enrols with it
          </ActItem>
        )}
        {status === 'suspended' && (
          <ActItem needs="device" onClick={() => onStatus(id, 'active')}>
            Let devices enrol again
          </ActItem>
        )}
        {status !== 'revoked' && (
          <ActItem needs="device" color="var(--bad)" onClick={() => onAsk('revoke')}>
            Revoke …
          </ActItem>
        )}
        <ActItem needs="device" color="var(--bad)" onClick={() => onAsk('delete')}>
          Delete …
        </ActItem>
      </Menu.Dropdown>
    </Menu>
  </Group>
);
