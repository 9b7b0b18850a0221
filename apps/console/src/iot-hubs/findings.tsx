import { Select, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { usePolling } from '../api/live.js';
import { valueText } from '../devices/filter-text.js';
import { namesQuery } from '../jobs/jobs.queries.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Listed } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Nothing, Section } from '../shared/page.js';
import { StateMark, stateOf } from '../shared/state-mark.js';
import {
  FINDING_KINDS,
  FINDING_OUTCOMES,
  findingsQuery,
  type Finding,
  type FindingFilter,
} from './iot-hubs.queries.js';

const KINDS: Readonly<Record<Finding['finding'], string>> = {
  missing: 'a device here whose identity in the hub is gone',
  different: 'an identity that is not as it is set here',
  unknown: 'an identity in the hub that no device here has',
};

/** What the hub has and the registry has not, and the other way round. */
export const Findings = ({
  id,
  filter,
  onFilter,
}: {
  readonly id: string;
  readonly filter: FindingFilter;
  readonly onFilter: (filter: FindingFilter) => void;
}) => {
  const { finding, outcome, cursor } = filter;
  const found = useQuery({ ...findingsQuery(id, filter), refetchInterval: usePolling() });
  const names = useQuery(
    namesQuery((found.data?.items ?? []).flatMap(({ deviceId }) => deviceId ?? [])),
  ).data;
  const isNarrow = finding !== undefined || outcome !== undefined;
  return (
    <Section
      title="What differs"
      actions={
        <>
          <Select
            aria-label="What was found"
            data={[{ value: '', label: 'all' }, ...FINDING_KINDS.map((value) => ({ value, label: value }))]}
            value={finding ?? ''}
            allowDeselect={false}
            onChange={(value) =>
              onFilter({ outcome, finding: FINDING_KINDS.find((known) => known === value) })
            }
          />
          <Select
            aria-label="What was done"
            data={[
              { value: '', label: 'whatever was done' },
              ...FINDING_OUTCOMES.map((value) => ({ value, label: stateOf(`finding_${value}`).word })),
            ]}
            value={outcome ?? ''}
            allowDeselect={false}
            onChange={(value) =>
              onFilter({ finding, outcome: FINDING_OUTCOMES.find((known) => known === value) })
            }
          />
        </>
      }
    >
      <Text c="dimmed" mb="xs">
        By the last reconciliation, and what the hub has told since
        {found.data?.total === undefined ? '.' : `: ${count(found.data.total)}.`}
      </Text>
      <Listed
        query={found}
        cursor={cursor}
        onPage={(page) => onFilter({ finding, outcome, ...page })}
        nothing={
          <Nothing
            why={
              isNarrow
                ? 'Nothing of that kind was found.'
                : 'Nothing is known to differ. A reconciliation looks at all there is.'
            }
          />
        }
        head={
          <>
            <th>Id in the hub</th>
            <th>Found</th>
            <th>Done</th>
            <th className="wide">Device here</th>
            <th className="wide">When</th>
          </>
        }
      >
        {({ hubDeviceId, deviceId, at, jobId, ...one }) => (
          <>
            <td className="value">{hubDeviceId}</td>
            <td className="anywhere">
              {one.finding}
              <div className="dim">{KINDS[one.finding]}</div>
            </td>
            <td className="anywhere">
              <StateMark state={`finding_${one.outcome}`} />
              {one.detail !== undefined && <div>{one.detail}</div>}
              {one.code !== undefined && <div className="dim">{one.code}</div>}
            </td>
            <td className="anywhere wide">
              {deviceId === undefined ? (
                one.outcome === 'adopted' ? (
                  // It is called as it was in the hub, until somebody renames it.
                  <AnchorLink to="/devices" search={{ filter: `name==${valueText(hubDeviceId)}` }}>
                    find it
                  </AnchorLink>
                ) : (
                  <span className="dim">–</span>
                )
              ) : (
                <AnchorLink to="/devices/$id/$tab" params={{ id: deviceId, tab: 'connectivity' }}>
                  {names?.get(deviceId) ?? deviceId}
                </AnchorLink>
              )}
            </td>
            <td className="wide">
              <Moment at={at} />
              <div className="dim">
                {jobId === undefined ? (
                  'told by the hub'
                ) : (
                  <AnchorLink to="/jobs/$id" params={{ id: jobId }}>
                    by a job
                  </AnchorLink>
                )}
              </div>
            </td>
          </>
        )}
      </Listed>
    </Section>
  );
};
