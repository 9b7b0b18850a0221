import { Text } from '@mantine/core';
import { platformTime } from '../api/platform-clock.js';
import { useQuery } from '@tanstack/react-query';
import { AnchorLink } from '../shared/anchor-link.js';
import { TypeSplit } from '../shared/confirm-count.js';
import { count, exact } from '../shared/format.js';
import { ProblemView } from '../shared/problem-view.js';
import { previewQuery, type Campaign } from './campaigns.queries.js';

/** A launch begins some seconds after it was asked for. */
const AT_ONCE_MS = 60_000;

/** The preview counts from the moment it was read: that is no time by which anybody could go. */
const goesAt = (earliestAt: string, readAt: number): string =>
  Date.parse(earliestAt) - readAt < AT_ONCE_MS ? 'at once after the launch' : exact(Date.parse(earliestAt));

/** What a launch would do now, by the launch's own rules. */
export const PreviewNumbers = ({
  id,
  revision,
  onConflict,
  planned,
}: {
  readonly id: string;
  readonly revision: number;
  readonly onConflict: Campaign['onConflict'];
  /** The batches as they are planned: then when each goes is said, too. */
  readonly planned?: Campaign['batches'];
}) => {
  const preview = useQuery(previewQuery(id, revision));
  if (preview.isError) return <ProblemView error={preview.error} retry={() => void preview.refetch()} />;
  if (preview.data === undefined) return <Text c="dimmed">Looking which devices are meant …</Text>;
  const {
    matched,
    byDeviceType,
    alreadyCompliant,
    incompatible,
    conflicts,
    refusals = [],
    batches,
    sample,
  } = preview.data;
  return (
    <div className="card">
      <Text>
        <b>
          {count(matched)} {matched === 1 ? 'device' : 'devices'}
        </b>{' '}
        {matched === 1 ? 'matches' : 'match'} now
        {sample.length > 0 && (
          <span className="dim">
            {' '}
            (
            {sample
              .slice(0, 4)
              .map(({ name }) => name)
              .join(', ')}
            {matched > 4 ? ' …' : ''})
          </span>
        )}
      </Text>
      <TypeSplit byDeviceType={byDeviceType} />
      {alreadyCompliant > 0 && (
        <Text>
          {count(alreadyCompliant)}{' '}
          {alreadyCompliant === 1
            ? 'has all of it already, and is skipped.'
            : 'have all of it already, and are skipped.'}
        </Text>
      )}
      {incompatible > 0 && (
        <Text className="state-pending">
          {count(incompatible)}{' '}
          {incompatible === 1
            ? 'is of another type, and is skipped.'
            : 'are of another type, and are skipped.'}
        </Text>
      )}
      {conflicts.map(({ campaignId, devices }) => (
        <Text key={campaignId} className="state-bad">
          {count(devices)} are wanted by{' '}
          <AnchorLink to="/campaigns/$id" params={{ id: campaignId }}>
            another campaign
          </AnchorLink>{' '}
          with the same key.{' '}
          {onConflict === 'reject' && 'The launch would be refused: step 2 says what else to do with them.'}
          {onConflict === 'skip' && 'They are left out.'}
          {onConflict === 'supersede' && 'They are taken from it.'}
        </Text>
      ))}
      {refusals.map(({ deviceType, devices, errors }) => (
        <Text key={deviceType} className="state-bad anywhere">
          {count(devices)} of type {deviceType} refuse the values:{' '}
          {errors.map(({ path, message }) => `${path} ${message}`).join('; ')}
        </Text>
      ))}
      {planned !== undefined && (
        <table className="table" style={{ marginTop: 8 }}>
          <thead>
            <tr>
              <th>Batch</th>
              <th className="right">Devices</th>
              <th>Goes at the earliest</th>
            </tr>
          </thead>
          <tbody>
            {batches.map(({ index, size, earliestAt }) => (
              <tr key={index}>
                <td>{index}</td>
                <td className="right">{count(size)}</td>
                <td>
                  {earliestAt === null
                    ? 'when somebody releases it'
                    : goesAt(earliestAt, platformTime(preview.dataUpdatedAt))}
                  {planned[index - 2]?.gate !== undefined &&
                    `, once the gate of batch ${index - 1} is passed`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
};
