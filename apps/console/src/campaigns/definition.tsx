import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count, duration } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Value } from '../shared/value.js';
import type { Campaign } from './campaigns.queries.js';
import { chosenBy, gateRule, gateTerms } from './numbers.js';

/** What was launched; after the launch nothing of it changes but the rate. */
export const Definition = ({ campaign }: { readonly campaign: Campaign }) => {
  const { target, configurations, expectedStates, expectedFrom, spacingSeconds, window, ratePerMinute } =
    campaign;
  return (
    <dl className="facts">
      {campaign.launchedAt !== undefined && (
        <>
          <dt>Launched</dt>
          <dd>
            <Moment at={campaign.launchedAt} clock /> by <ActorName actor={campaign.launchedBy} />
          </dd>
        </>
      )}
      {campaign.revertOf !== undefined && (
        <>
          <dt>Gives back</dt>
          <dd>
            what devices had before{' '}
            <AnchorLink to="/campaigns/$id" params={{ id: campaign.revertOf }}>
              another campaign
            </AnchorLink>
          </dd>
        </>
      )}
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
      <dt>Batches</dt>
      <dd>
        {campaign.batches.map((batch) => (
          <div key={batch.index} className="anywhere">
            {batch.index}. {chosenBy(batch, campaign)}
            {batch.recentlySeenFirst === true && ', those heard last first'}
            {batch.release === 'manual' && ', released by hand'}
            {batch.gate !== undefined && (
              <span className="dim">
                {' '}
                – gate: {gateRule(batch.gate)}, {gateTerms(batch.gate)}
              </span>
            )}
          </div>
        ))}
      </dd>
      <dt>Between batches</dt>
      <dd>{duration(spacingSeconds)}</dd>
      <dt>Rate</dt>
      <dd>
        {count(ratePerMinute)} a minute
        {campaign.maxInFlight !== undefined && `, at most ${count(campaign.maxInFlight)} in flight`}
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
          <dd>
            {campaign.failureThreshold.maxFailurePercent} % failed, of all that are settled, once{' '}
            {campaign.failureThreshold.minSettled ?? 50} are
          </dd>
        </>
      )}
      <dt>Deadline of a device</dt>
      <dd>{duration(campaign.deadlineSeconds)} after the document reached it</dd>
      <dt>Tries again</dt>
      <dd>
        {campaign.retries.max}×, the first after {duration(campaign.retries.firstAfterSeconds)}, when an
        answer passes
      </dd>
      <dt>Wanted by another</dt>
      <dd>{CONFLICTS[campaign.onConflict]}</dd>
      <dt>Completed</dt>
      <dd>{campaign.waitForDevices ? 'when every device has answered' : 'when every device is written'}</dd>
      {campaign.startAt !== undefined && (
        <>
          <dt>Launches itself</dt>
          <dd>
            <Moment at={campaign.startAt} clock />
          </dd>
        </>
      )}
      <dt>Everything ends</dt>
      <dd>
        {campaign.endAt === undefined ? (
          '30 days after the launch, unless the platform is set otherwise'
        ) : (
          <Moment at={campaign.endAt} clock />
        )}
      </dd>
    </dl>
  );
};

const CONFLICTS: Readonly<Record<Campaign['onConflict'], string>> = {
  reject: 'the launch is refused',
  skip: 'those devices are left out',
  supersede: 'those devices are taken from it',
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
            {key} = {value === null ? '(the default again)' : <Value name={key} of={value} />}
          </code>
        </div>
      ))}
    </>
  );
};
