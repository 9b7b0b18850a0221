import { useQuery } from '@tanstack/react-query';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Section } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { sentencesQuery, type Statistics, type TargetFilter } from './campaigns.queries.js';
import { saidBy } from './reasons.js';
import { Table } from '../shared/table.js';

/** Reasons whose devices are asked what they said, those of the most devices; the list of devices has all. */
const MOST_ASKED = 10;

/** What the first devices of a reason say in their own words: a code alone says little. */
const Sentences = ({ id, filter }: { readonly id: string; readonly filter: TargetFilter }) => {
  const sentences = useQuery(sentencesQuery(id, filter)).data ?? [];
  return sentences.map((sentence) => <div key={sentence}>{sentence}</div>);
};

/** Why devices did not succeed; each line leads to exactly its devices. */
export const Failures = ({ id, failures }: { readonly id: string } & Pick<Statistics, 'failures'>) => {
  if (failures.length === 0) return null;
  return (
    <Section title="Why devices did not succeed">
      <Table
        head={
          <>
            <th>State</th>
            <th>Reason</th>
            <th>Says</th>
            <th className="right">Devices</th>
          </>
        }
      >
        {[...failures]
          .sort((a, b) => b.count - a.count)
          .map(({ status, origin, code, count: devices }, index) => (
            <tr key={`${status} ${origin} ${code}`}>
              <td>
                <StateMark state={status} />
              </td>
              <td className="anywhere">
                <span className="mono">{code}</span>
                {index < MOST_ASKED && <Sentences id={id} filter={{ status, origin, reason: code }} />}
              </td>
              <td>{saidBy(origin)}</td>
              <td className="right">
                <AnchorLink
                  to="/campaigns/$id"
                  params={{ id }}
                  search={{ status, origin, reason: code }}
                  hash="devices"
                  title="Show exactly these devices"
                >
                  {count(devices)}
                </AnchorLink>
              </td>
            </tr>
          ))}
      </Table>
    </Section>
  );
};
