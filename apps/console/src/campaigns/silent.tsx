import { Text } from '@mantine/core';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Section } from '../shared/page.js';
import type { Statistics } from './campaigns.queries.js';
import { silentOf } from './numbers.js';
import { Table } from '../shared/table.js';

/** Devices that were written and have said nothing since, by their batch; whether they were heard at all is in their list. */
export const SilentDevices = ({
  id,
  statistics,
}: {
  readonly id: string;
  readonly statistics: Statistics;
}) => {
  const silent = silentOf(statistics);
  if (silent.length === 0) return null;
  const link = (index: number, status: 'written' | 'dispatched', devices: number) =>
    devices === 0 ? (
      '0'
    ) : (
      <AnchorLink
        to="/campaigns/$id"
        params={{ id }}
        search={{ status, batch: index }}
        hash="devices"
        title="Show exactly these devices"
      >
        {count(devices)}
      </AnchorLink>
    );
  return (
    <Section title="Silent devices">
      <Table
        head={
          <>
            <th>Batch</th>
            <th className="right">Not reached</th>
            <th className="right">Reached, no answer</th>
          </>
        }
      >
        {silent.map(({ index, unreached, unanswered }) => (
          <tr key={index}>
            <td>{index}</td>
            <td className="right">{link(index, 'written', unreached)}</td>
            <td className="right">{link(index, 'dispatched', unanswered)}</td>
          </tr>
        ))}
      </Table>
      <Text c="dimmed">
        Not reached: the device is away, or it polls and has not asked since. It gets its values when it comes
        back. The list says when each was heard last.
      </Text>
    </Section>
  );
};
