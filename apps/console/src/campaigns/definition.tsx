import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { duration } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import type { Campaign } from './campaigns.queries.js';

/** What was launched; after the launch nothing of it changes but the rate. */
export const Definition = ({ campaign }: { readonly campaign: Campaign }) => {
  const { target, configurations, expectedStates, expectedFrom, spacingSeconds, window, ratePerMinute } =
    campaign;
  return (
    <dl className="facts">
      <dt>Devices</dt>
      <dd>
        {target.filter !== undefined && (
          <AnchorLink to="/devices" search={{ filter: target.filter }}>
            <code>{target.filter}</code>
          </AnchorLink>
        )}
        {target.deviceIds !== undefined && `${target.deviceIds.length} that are named`}
        {target.campaignId !== undefined && (
          <>
            {(target.statuses ?? []).join(', ')} of{' '}
            <AnchorLink to="/campaigns/$id" params={{ id: target.campaignId }}>
              another campaign
            </AnchorLink>
          </>
        )}
        {campaign.deviceType !== undefined && ` of the type ${campaign.deviceType}`}
      </dd>
      <dt>Writes</dt>
      <dd>
        <Values values={configurations} nothing="nothing" />
      </dd>
      <dt>Expects</dt>
      <dd>
        <Values values={expectedStates} nothing="that devices apply what is written" />
        {expectedFrom === 'stated' && ' (each device must state it itself)'}
      </dd>
      <dt>Between batches</dt>
      <dd>{duration(spacingSeconds)}</dd>
      <dt>Rate</dt>
      <dd>
        {ratePerMinute} a minute
        {campaign.maxInFlight !== undefined && `, at most ${campaign.maxInFlight} in flight`}
      </dd>
      {window !== undefined && (
        <>
          <dt>Hours</dt>
          <dd>
            {window.from}–{window.to} {window.timeZone} {window.days?.join(', ')}
          </dd>
        </>
      )}
      {campaign.failureThreshold !== undefined && (
        <>
          <dt>Pauses above</dt>
          <dd>{campaign.failureThreshold.maxFailurePercent} % failed, of all that are settled</dd>
        </>
      )}
      <dt>Deadline of a device</dt>
      <dd>{duration(campaign.deadlineSeconds)} after the document reached it</dd>
      <dt>Tries again</dt>
      <dd>
        {campaign.retries.max}×, the first after {duration(campaign.retries.firstAfterSeconds)}, when an
        answer passes
      </dd>
      {campaign.endAt !== undefined && (
        <>
          <dt>Everything ends</dt>
          <dd>
            <Moment at={campaign.endAt} />
          </dd>
        </>
      )}
    </dl>
  );
};

const Values = ({
  values,
  nothing,
}: {
  readonly values: Readonly<Record<string, unknown>>;
  readonly nothing: string;
}) => {
  const entries = Object.entries(values);
  if (entries.length === 0) return <>{nothing}</>;
  return (
    <>
      {entries.map(([key, value]) => (
        <div key={key}>
          <code className="anywhere">
            {key} = {value === null ? '(the default again)' : JSON.stringify(value)}
          </code>
        </div>
      ))}
    </>
  );
};

/** Who did what to it, as far as the campaign keeps it. */
export const Audit = ({ campaign }: { readonly campaign: Campaign }) => {
  const { createdAt, createdBy, launchedAt, launchedBy, pause, cancel, waitEnded, batches, endedAt } =
    campaign;
  const entries = [
    { at: createdAt, by: createdBy, what: 'created it' },
    ...(launchedAt === undefined ? [] : [{ at: launchedAt, by: launchedBy, what: 'launched it' }]),
    ...batches.flatMap(({ index, releasedAt, releasedBy }) =>
      releasedAt === undefined ? [] : [{ at: releasedAt, by: releasedBy, what: `released batch ${index}` }],
    ),
    ...batches.flatMap(({ index, verdict }) =>
      verdict === undefined
        ? []
        : [{ at: verdict.at, by: undefined, what: `the gate of batch ${index} said: ${verdict.answer}` }],
    ),
    ...(pause === undefined
      ? []
      : [
          {
            at: pause.at,
            by: pause.reason === 'operator' ? pause.by : undefined,
            what: `paused it: ${pause.detail}`,
          },
        ]),
    ...(cancel === undefined
      ? []
      : [{ at: cancel.at, by: cancel.by, what: `cancelled it (${cancel.mode})` }]),
    ...(waitEnded === undefined
      ? []
      : [{ at: waitEnded.at, by: waitEnded.by, what: `ended the wait: ${waitEnded.reason ?? ''}` }]),
    ...(endedAt === undefined ? [] : [{ at: endedAt, by: undefined, what: 'it ended' }]),
  ].sort((a, b) => b.at.localeCompare(a.at));
  return (
    <ol className="timeline">
      {entries.map(({ at, by, what }) => (
        <li key={at + what}>
          <Moment at={at} />
          <span className="anywhere">
            {by === undefined ? '' : <ActorName actor={by} />} {what}
          </span>
        </li>
      ))}
    </ol>
  );
};
