import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { ENTITY_NAMES } from '../shell/entities.js';
import { meQuery } from '../shell/session.js';
import { Table } from '../shared/table.js';

/** Who is signed in, for how long, and what that allows. */
export const You = () => {
  const me = useQuery(meQuery);
  return (
    <Loaded query={me}>
      {({ id, kind, tenantId, session, rights }) => (
        <>
          <Section title="Signed in">
            <dl className="facts">
              <dt>As</dt>
              <dd>
                {id} <span className="dim">({kind.replaceAll('-', ' ')})</span>
              </dd>
              <dt>Tenant</dt>
              <dd>{tenantId}</dd>
              {session !== undefined && (
                <>
                  <dt>Since</dt>
                  <dd>
                    <Moment at={session.openedAt} />
                  </dd>
                  <dt>Ends</dt>
                  <dd>
                    <Moment at={session.endsAt} />, or <Moment at={session.idleEndsAt} /> if nothing is asked
                    until then
                  </dd>
                </>
              )}
            </dl>
          </Section>
          <Section title="What you may">
            {rights.length === 0 ? (
              <Nothing why="You have no rights: nothing can be read." />
            ) : (
              <Table
                head={
                  <>
                    <th>What</th>
                    <th>Read</th>
                    <th>Change</th>
                    <th className="wide">In the folder and below</th>
                  </>
                }
              >
                {rights.map(({ entity, permissions, folder }) => (
                  <tr key={`${entity} ${folder}`}>
                    <td>{ENTITY_NAMES[entity]}</td>
                    <td>
                      <Allowed is={permissions.includes('read')} />
                    </td>
                    <td>
                      <Allowed is={permissions.includes('change')} />
                    </td>
                    <td className="wide">{folder === '/' ? 'everywhere' : folder}</td>
                  </tr>
                ))}
              </Table>
            )}
            <Text c="dimmed" mt="sm">
              To change is also to create and to delete. What is not in the list may not be read. Certificate
              authorities, claim keys, folders, tokens and credentials go with devices.
            </Text>
          </Section>
        </>
      )}
    </Loaded>
  );
};

const Allowed = ({ is }: { readonly is: boolean }) =>
  is ? <StateMark state="valid" word="yes" /> : <StateMark state="closed" word="no" />;
