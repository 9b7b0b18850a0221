import { Checkbox, MultiSelect, SegmentedControl, Select, Stack, Text, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { faultAt, type Problem } from '../api/problem.js';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { FilterBox } from '../devices/filter-box.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { stateOf } from '../shared/state-mark.js';
import { idsIn } from './batch-plan.js';
import { campaignsQuery, TARGET_STATUSES } from './campaigns.queries.js';
import type { TargetDraft } from './target-draft.js';

/** Which devices: those that match, those that are named, or those of another campaign. */
export const TargetFields = ({
  draft,
  label,
  problem,
  path = 'target',
  onChange,
}: {
  readonly draft: TargetDraft;
  /** Of the filter's box. */
  readonly label: string;
  readonly problem: Problem | undefined;
  /** Where the platform says that a fault is. */
  readonly path?: string;
  readonly onChange: (next: Partial<TargetDraft>) => void;
}) => {
  const { by } = draft;
  const own = problem?.errors?.find((error) => error.path === path)?.message;
  return (
    <Stack gap={6}>
      <Text fw={500}>Devices</Text>
      <SegmentedControl
        aria-label="Which devices"
        data={[
          { value: 'filter', label: 'By a filter' },
          { value: 'named', label: 'By their ids' },
          { value: 'campaign', label: 'Of a campaign' },
        ]}
        value={by}
        onChange={(value) => onChange({ by: value })}
        maw={360}
      />
      {by === 'filter' && (
        <ByFilter
          draft={draft}
          label={label}
          fault={own ?? faultAt(problem, `${path}.filter`)}
          onChange={onChange}
        />
      )}
      {by === 'named' && (
        <Textarea
          label="Ids of devices"
          description={`${count(idsIn(draft.named).length)} named`}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          classNames={{ input: 'mono' }}
          autosize
          minRows={2}
          maxRows={12}
          value={draft.named}
          onChange={(event) => onChange({ named: event.currentTarget.value })}
          error={own ?? faultAt(problem, `${path}.deviceIds`)}
        />
      )}
      {by === 'campaign' && (
        <OfCampaign
          draft={draft}
          fault={own ?? faultAt(problem, `${path}.campaignId`) ?? faultAt(problem, `${path}.statuses`)}
          onChange={onChange}
        />
      )}
    </Stack>
  );
};

const ByFilter = ({
  draft: { filter, unfinished, everything },
  label,
  fault,
  onChange,
}: {
  readonly draft: TargetDraft;
  readonly label: string;
  readonly fault: string | undefined;
  readonly onChange: (next: Partial<TargetDraft>) => void;
}) => {
  const matched = useQuery(fleetSummaryQuery(filter)).data;
  return (
    <div>
      <FilterBox
        id="target-filter"
        label={label}
        applied={filter}
        onApply={(next) => onChange({ filter: next, unfinished: false })}
        onUnfinished={(next) => onChange({ unfinished: next })}
        fault={fault}
      />
      {unfinished ? (
        <Text mt={4} className="state-pending">
          The filter is not applied yet: press Enter in it.
        </Text>
      ) : filter === '' ? (
        <Checkbox
          mt={6}
          label={`Every device there is${matched === undefined ? '' : `: ${count(matched.total)}`}`}
          checked={everything}
          onChange={(event) => onChange({ everything: event.currentTarget.checked })}
        />
      ) : (
        matched !== undefined && (
          <Text mt={4} aria-live="polite">
            <b>{count(matched.total)}</b> match now.{' '}
            <AnchorLink to="/devices" search={{ filter }} target="_blank">
              Look at them
            </AnchorLink>
          </Text>
        )
      )}
    </div>
  );
};

const OfCampaign = ({
  draft: { campaignId, statuses },
  fault,
  onChange,
}: {
  readonly draft: TargetDraft;
  readonly fault: string | undefined;
  readonly onChange: (next: Partial<TargetDraft>) => void;
}) => {
  const campaigns = useQuery(campaignsQuery(undefined, undefined, undefined)).data?.items ?? [];
  const launched = campaigns.filter(({ launchedAt }) => launchedAt !== undefined);
  // One that is older than those that are listed keeps its id as its name.
  const known = launched.some(({ id }) => id === campaignId);
  return (
    <>
      <Select
        label="Campaign"
        searchable
        maw={420}
        data={[
          ...launched.map(({ id, name }) => ({ value: id, label: name })),
          ...(known || campaignId === '' ? [] : [{ value: campaignId, label: campaignId }]),
        ]}
        value={campaignId === '' ? null : campaignId}
        onChange={(value) => onChange({ campaignId: value ?? '' })}
        error={fault}
      />
      <MultiSelect
        label="That are"
        description="As they stand when this one is launched; none chosen: in every state"
        size="xs"
        maw={420}
        data={TARGET_STATUSES.map((value) => ({ value, label: stateOf(value).word }))}
        value={[...statuses]}
        onChange={(next) => onChange({ statuses: TARGET_STATUSES.filter((one) => next.includes(one)) })}
      />
    </>
  );
};
