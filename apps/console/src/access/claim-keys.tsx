import { Button, Group, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon, PlusIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { ActButton, ActItem } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { Listed } from '../shared/listed.js';
import { count } from '../shared/format.js';
import { Moment, useNow } from '../shared/moment.js';
import { Nothing, Section } from '../shared/page.js';
import { standingOf } from '../shared/standing.js';
import { StateMark } from '../shared/state-mark.js';
import { claimKeysQuery, type ClaimKey } from './access.queries.js';
import { EditClaimKey, IssueClaimKey } from './claim-key-dialogs.js';
import { ActsHead } from '../shared/table.js';

type Asked = 'edit' | 'suspend' | 'activate' | 'revoke' | 'delete';

/** Keys with which devices enrol that have no certificate. */
export const ClaimKeys = () => {
  const { cursor } = useSearch({ from: '/access/$section' });
  const navigate = useNavigate();
  const now = useNow();
  const keys = useQuery(claimKeysQuery(cursor));
  const [issuing, setIssuing] = useState(false);
  const [asked, setAsked] = useState<{ readonly to: Asked; readonly key: ClaimKey }>();
  const set = (id: string, status: 'active' | 'suspended' | 'revoked') =>
    answered(api.PATCH('/api/v1/claim-keys/{id}', { params: { path: { id } }, body: { status } }));
  const close = () => setAsked(undefined);
  return (
    <Section
      title="Claim keys"
      actions={
        <ActButton needs="device" leftSection={<PlusIcon size={14} />} onClick={() => setIssuing(true)}>
          Issue a claim key
        </ActButton>
      }
    >
      <Listed
        query={keys}
        cursor={cursor}
        onPage={(search) =>
          void navigate({ to: '/access/$section', params: { section: 'claim-keys' }, search })
        }
        nothing={
          <Nothing why="There is no claim key. With one, devices that nobody has made one by one make themselves, so many and for so long as it says.">
            <ActButton needs="device" onClick={() => setIssuing(true)}>
              Issue the first one
            </ActButton>
          </Nothing>
        }
        head={
          <>
            <th>Name</th>
            <th>State</th>
            <th className="wide">Makes</th>
            <th className="right">Enrolled</th>
            <th className="wide">Ends</th>
            <ActsHead />
          </>
        }
      >
        {(key) => (
          <>
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
              <Acts claimKey={key} onAsk={(to) => setAsked({ to, key })} />
            </td>
          </>
        )}
      </Listed>
      {issuing && <IssueClaimKey onClose={() => setIssuing(false)} />}
      {asked?.to === 'edit' && <EditClaimKey claimKey={asked.key} onClose={close} />}
      {(asked?.to === 'suspend' || asked?.to === 'activate') && (
        <ActDialog
          title={asked.to === 'suspend' ? `Suspend ${asked.key.name}` : `Activate ${asked.key.name}`}
          act={asked.to === 'suspend' ? 'Suspend' : 'Activate'}
          danger={asked.to === 'suspend'}
          refreshes={['claim-keys']}
          run={() => set(asked.key.id, asked.to === 'suspend' ? 'suspended' : 'active')}
          onClose={close}
        >
          <Text>
            {asked.to === 'suspend'
              ? 'Nobody enrols with it until you activate it again; the devices that have stay.'
              : `Whoever has it enrols again: ${count(asked.key.limit - asked.key.enrolled)} devices more.`}
          </Text>
        </ActDialog>
      )}
      {asked?.to === 'revoke' && (
        <ActDialog
          title={`Revoke ${asked.key.name}`}
          act="Revoke"
          danger
          refreshes={['claim-keys']}
          run={() => set(asked.key.id, 'revoked')}
          onClose={close}
        >
          <Text>
            Nobody enrols with it any more; the devices that have stay. This cannot be undone; suspending can.
          </Text>
        </ActDialog>
      )}
      {asked?.to === 'delete' && (
        <ActDialog
          title={`Delete ${asked.key.name}`}
          act="Delete"
          danger
          refreshes={['claim-keys']}
          run={() =>
            answered(api.DELETE('/api/v1/claim-keys/{id}', { params: { path: { id: asked.key.id } } }))
          }
          onClose={close}
        >
          <Text>Nobody enrols with it any more; the devices that have stay. This cannot be undone.</Text>
        </ActDialog>
      )}
    </Section>
  );
};

const Acts = ({
  claimKey: { name, status },
  onAsk,
}: {
  readonly claimKey: ClaimKey;
  readonly onAsk: (to: Asked) => void;
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
          <ActItem needs="device" onClick={() => onAsk('suspend')}>
            Suspend …
          </ActItem>
        )}
        {status === 'suspended' && (
          <ActItem needs="device" onClick={() => onAsk('activate')}>
            Activate …
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
