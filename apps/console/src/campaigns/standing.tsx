import { Text } from '@mantine/core';
import { exact, withOwnTimes } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { ActorName } from '../shared/actor.js';
import { Countdown } from './countdown.js';
import type { Campaign } from './campaigns.queries.js';

const PHASES: Readonly<Record<string, string>> = {
  snapshotting: 'It finds its devices.',
  dispatching: 'It writes values.',
  awaiting_spacing: 'It waits before the next batch.',
  awaiting_operator: 'It waits until somebody releases the next batch.',
  awaiting_gate: 'It waits for the gate of its batch.',
  awaiting_devices: 'Everything is written. It waits for devices.',
  awaiting_service: 'It waits for a service that is away, and goes on by itself.',
  outside_window: 'It waits for its hours.',
  cancelling: 'It is being cancelled, and waits for devices that have the document.',
};

/** What a campaign does, waits for, or how it ended, in a sentence. */
export const Standing = ({ campaign }: { readonly campaign: Campaign }) => {
  const {
    status,
    phase,
    phaseDetail,
    phaseSince,
    nextAt,
    pause,
    cancel,
    outcome,
    launchError,
    waitEnded,
    launchedAt,
    endedAt,
  } = campaign;
  if (launchError !== undefined && status === 'draft') {
    return (
      <Text className="state-bad anywhere">
        The launch was refused <Moment at={launchError.at} />: {launchError.detail}
      </Text>
    );
  }
  if (status === 'paused' && pause !== undefined) {
    return (
      <Text className="anywhere">
        Paused <Moment at={pause.at} /> by{' '}
        {pause.reason === 'operator' ? (
          <ActorName actor={pause.by} />
        ) : pause.reason.startsWith('gate') ? (
          'its gate'
        ) : (
          'its threshold'
        )}
        : {pause.detail} Nothing more is written; devices that have it go on.
      </Text>
    );
  }
  if (status === 'cancelled') {
    return (
      <Text className="anywhere">
        Cancelled
        {cancel !== undefined && (
          <>
            {' '}
            <Moment at={cancel.at} /> by <ActorName actor={cancel.by} />
            {cancel.mode === 'force' ? ', without waiting for devices' : ''}
          </>
        )}
        .{' '}
        {launchedAt === undefined
          ? 'It was never launched: nothing was written.'
          : 'Values that were written stay.'}
      </Text>
    );
  }
  if (status === 'scheduled' && nextAt !== null) {
    return (
      <Text>
        It is launched <b>{exact(Date.parse(nextAt))}</b>, <Countdown until={nextAt} />.
      </Text>
    );
  }
  if (status === 'completed') {
    return (
      <Text className="anywhere">
        {outcome === 'succeeded' && 'Every batch is done, and no device has failed.'}
        {outcome === 'unsettled' &&
          'Everything is written, and nothing has failed yet. Some devices have not answered.'}
        {outcome === 'completed_with_failures' && 'Every batch is done. Devices have failed or timed out.'}{' '}
        {endedAt !== undefined && <Moment at={endedAt} />}
        {waitEnded?.reason !== undefined && ` The wait was ended: “${waitEnded.reason}”`}
      </Text>
    );
  }
  if (status === 'draft') return <Text>Nothing is written before it is launched.</Text>;
  return (
    <Text className="anywhere">
      {withOwnTimes(phaseDetail ?? PHASES[phase ?? ''] ?? '')}{' '}
      {nextAt !== null && (
        <>
          {phase === 'dispatching' ? (
            <>
              It goes on by itself, <Countdown until={nextAt} /> at the latest.
            </>
          ) : (
            <>
              It goes on <Countdown until={nextAt} />.
            </>
          )}{' '}
        </>
      )}
      {phaseSince !== null && (
        <span className="dim">
          since <Moment at={phaseSince} />
        </span>
      )}
    </Text>
  );
};
