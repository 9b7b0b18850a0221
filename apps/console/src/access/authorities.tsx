import { Button, Group, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon, PlusIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { ActButton, ActItem } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { Listed } from '../shared/listed.js';
import { Moment, useNow } from '../shared/moment.js';
import { Nothing, Section } from '../shared/page.js';
import { standingOf } from '../shared/standing.js';
import { StateMark } from '../shared/state-mark.js';
import { authoritiesQuery, type Authority } from './access.queries.js';
import { Enrols } from './enrolment-rule.js';
import { EditAuthority, RegisterAuthority, VerifyAuthority } from './authority-dialogs.js';
import { ActsHead } from '../shared/table.js';

type Asked = 'verify' | 'edit' | 'suspend' | 'activate' | 'revoke' | 'delete';

/** Whose certificates let devices in, and which of them make devices that were not known. */
export const Authorities = () => {
  const { cursor } = useSearch({ from: '/access/$section' });
  const navigate = useNavigate();
  const now = useNow();
  const authorities = useQuery(authoritiesQuery(cursor));
  const [registering, setRegistering] = useState(false);
  const [asked, setAsked] = useState<{ readonly to: Asked; readonly authority: Authority }>();
  const set = (id: string, status: 'active' | 'suspended' | 'revoked') =>
    answered(
      api.PATCH('/api/v1/certificate-authorities/{id}', { params: { path: { id } }, body: { status } }),
    );
  const close = () => setAsked(undefined);
  return (
    <Section
      title="Certificate authorities"
      actions={
        <ActButton needs="device" leftSection={<PlusIcon size={14} />} onClick={() => setRegistering(true)}>
          Add an authority
        </ActButton>
      }
    >
      <Listed
        query={authorities}
        cursor={cursor}
        onPage={(search) =>
          void navigate({ to: '/access/$section', params: { section: 'certificate-authorities' }, search })
        }
        nothing={
          <Nothing why="No authority is registered. With one, devices get in by certificates that it has signed.">
            <ActButton needs="device" onClick={() => setRegistering(true)}>
              Add the first one
            </ActButton>
          </Nothing>
        }
        head={
          <>
            <th>Name</th>
            <th>State</th>
            <th className="wide">Unknown devices</th>
            <th className="wide">Last used</th>
            <th className="wide">Ends</th>
            <ActsHead />
          </>
        }
      >
        {(authority) => (
          <>
            <td className="anywhere">
              <b>{authority.name}</b>
              <div className="dim">{authority.distinguishedName}</div>
            </td>
            <td>
              <StateMark state={standingOf(authority, now)} />
            </td>
            <td className="anywhere wide">
              {authority.enrolment === undefined ? (
                <span className="dim">are refused</span>
              ) : (
                <Enrols rule={authority.enrolment} />
              )}
            </td>
            <td className="wide">
              <Moment at={authority.lastUsedAt} />
            </td>
            <td className="wide">
              <Moment at={authority.validUntil} />
            </td>
            <td className="right">
              <Acts authority={authority} onAsk={(to) => setAsked({ to, authority })} />
            </td>
          </>
        )}
      </Listed>
      {registering && (
        <RegisterAuthority
          onClose={() => setRegistering(false)}
          onRegistered={(authority) => {
            setRegistering(false);
            setAsked({ to: 'verify', authority });
          }}
        />
      )}
      {asked?.to === 'verify' && <VerifyAuthority authority={asked.authority} onClose={close} />}
      {asked?.to === 'edit' && <EditAuthority authority={asked.authority} onClose={close} />}
      {asked?.to === 'suspend' && (
        <ActDialog
          title={`Suspend ${asked.authority.name}`}
          act="Suspend"
          danger
          refreshes={['certificate-authorities']}
          run={() => set(asked.authority.id, 'suspended')}
          onClose={close}
        >
          <Text>
            Every device that is connected by a certificate of it is disconnected at once, and none of its
            certificates opens anything until you activate it again.
          </Text>
        </ActDialog>
      )}
      {asked?.to === 'activate' && (
        <ActDialog
          title={`Activate ${asked.authority.name}`}
          act="Activate"
          refreshes={['certificate-authorities']}
          run={() => set(asked.authority.id, 'active')}
          onClose={close}
        >
          <Text>
            Its certificates let devices in again
            {asked.authority.enrolment?.enabled === true
              ? ', and devices that are not known enrol by its rule.'
              : '.'}
          </Text>
        </ActDialog>
      )}
      {asked?.to === 'revoke' && (
        <ActDialog
          title={`Revoke ${asked.authority.name}`}
          act="Revoke"
          danger
          toType={asked.authority.name}
          refreshes={['certificate-authorities']}
          run={() => set(asked.authority.id, 'revoked')}
          onClose={close}
        >
          <Text>
            Every device that is connected by a certificate of it is disconnected at once, and none of its
            certificates opens anything any more. This cannot be undone; suspending can.
          </Text>
        </ActDialog>
      )}
      {asked?.to === 'delete' && (
        <ActDialog
          title={`Delete ${asked.authority.name}`}
          act="Delete"
          danger
          toType={asked.authority.name}
          refreshes={['certificate-authorities']}
          run={() =>
            answered(
              api.DELETE('/api/v1/certificate-authorities/{id}', {
                params: { path: { id: asked.authority.id } },
              }),
            )
          }
          onClose={close}
        >
          <Text>
            Its certificates open nothing any more, and who is connected by one is disconnected at once. The
            devices stay. This cannot be undone.
          </Text>
        </ActDialog>
      )}
    </Section>
  );
};

const Acts = ({
  authority: { name, status },
  onAsk,
}: {
  readonly authority: Authority;
  readonly onAsk: (to: Asked) => void;
}) => (
  <Group gap={4} justify="flex-end" wrap="nowrap">
    {status === 'unverified' && (
      <ActButton needs="device" onClick={() => onAsk('verify')} aria-label={`Verify … ${name}`}>
        Verify …
      </ActButton>
    )}
    {(status === 'active' || status === 'suspended') && (
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
        {status === 'unverified' && (
          <ActItem needs="device" onClick={() => onAsk('edit')}>
            Edit …
          </ActItem>
        )}
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
