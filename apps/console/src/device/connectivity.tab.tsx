import { useQuery } from '@tanstack/react-query';
import { usePolling } from '../api/live.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Section } from '../shared/page.js';
import { connectionState, StateMark } from '../shared/state-mark.js';
import { INTERFACES } from './device-fields.js';
import { ENDS } from './connection-ends.js';
import { Credentials, type Via } from './credentials.js';
import { connectivityQuery } from './device.queries.js';
import { InItsHub } from './in-its-hub.js';
import { Tokens } from './tokens.js';
import { Table } from '../shared/table.js';

/** Whether and how the device is connected, and what it may connect with. */
export const ConnectivityTab = ({ id, via }: { readonly id: string; readonly via: Via }) => (
  <>
    <Connection id={id} />
    {via === 'iothub' && <InItsHub id={id} />}
    <Tokens id={id} />
    <Credentials id={id} via={via} />
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
                <StateMark state={connectionState(connected, lastSeenAt)} /> over{' '}
                {INTERFACES.find(({ value }) => value === via)?.label}
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
              <Table
                isCards
                style={{ marginTop: 10 }}
                head={
                  <>
                    <th>Client</th>
                    <th>Transport</th>
                    <th>MQTT</th>
                    <th>Address</th>
                    <th>Since</th>
                  </>
                }
              >
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
              </Table>
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
};
