import { useQuery } from '@tanstack/react-query';
import { usePolling } from '../api/live.js';
import { bytes } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { More } from '../shared/more.js';
import { MOST } from '../shared/most.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { firmwaresQuery, softwareQuery } from './device.queries.js';
import { Table } from '../shared/table.js';

/** What the device says it runs, what it was offered, what it refused and why. */
export const FirmwareTab = ({ id, deviceTypeId }: { readonly id: string; readonly deviceTypeId: string }) => {
  const software = useQuery({ ...softwareQuery(id), refetchInterval: usePolling() });
  const firmwares = useQuery(firmwaresQuery(deviceTypeId));
  return (
    <>
      <Section title="On this device">
        <Loaded query={software}>
          {({ items }) =>
            items.length === 0 ? (
              <Nothing why="The device has not said which software it runs." />
            ) : (
              <Table
                isCards
                head={
                  <>
                    <th>Firmware type</th>
                    <th>Runs</th>
                    <th>Said</th>
                    <th>Offered</th>
                    <th>Refused</th>
                  </>
                }
              >
                {items.map(({ name, firmwareType, reportedVersion, reportedAt, offered, rejected }) => (
                  <tr key={name}>
                    <td className="anywhere">{firmwareType}</td>
                    <td className="value">{reportedVersion ?? 'not known'}</td>
                    <td>
                      <Moment at={reportedAt} />
                    </td>
                    <td>
                      {offered === undefined ? (
                        <span className="dim">nothing</span>
                      ) : (
                        <>
                          <code>{offered.version}</code> <Moment at={offered.at} />
                          {!offered.subscriber && (
                            <div className="state-pending">nobody was there to take it</div>
                          )}
                        </>
                      )}
                    </td>
                    <td className="anywhere">
                      {rejected === undefined ? (
                        ''
                      ) : (
                        <>
                          <StateMark state="rejected" word={rejected.version} /> {rejected.statusCode}{' '}
                          {rejected.reasonPhrase !== undefined && `“${rejected.reasonPhrase}”`}{' '}
                          <Moment at={rejected.at} />
                        </>
                      )}
                    </td>
                  </tr>
                ))}
              </Table>
            )
          }
        </Loaded>
      </Section>
      <Section title="Firmwares of its type">
        <Loaded query={firmwares}>
          {({ items, nextCursor }) =>
            items.length === 0 ? (
              <Nothing why="No firmware was uploaded for this device type." />
            ) : (
              <>
                <Table
                  isCards
                  head={
                    <>
                      <th>Version</th>
                      <th>Firmware type</th>
                      <th>Offered to</th>
                      <th className="right">Size</th>
                      <th>Uploaded</th>
                    </>
                  }
                >
                  {items.map(({ id: firmwareId, version, firmwareType, rollout, size, createdAt }) => (
                    <tr key={firmwareId}>
                      <td className="value">{version}</td>
                      <td className="anywhere">{firmwareType}</td>
                      <td>
                        {rollout.strategy === 'general'
                          ? 'every device'
                          : rollout.strategy === 'targeted'
                            ? 'some devices'
                            : 'nobody'}
                      </td>
                      <td className="right">{bytes(size)}</td>
                      <td>
                        <Moment at={createdAt} />
                      </td>
                    </tr>
                  ))}
                </Table>
                <More
                  isMore={nextCursor !== null}
                  shown={MOST}
                  call={`GET /api/v1/firmwares?deviceTypeId=${deviceTypeId}`}
                />
              </>
            )
          }
        </Loaded>
      </Section>
    </>
  );
};
