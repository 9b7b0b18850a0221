import { Checkbox, Group, MultiSelect, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, newIdempotencyKey, withEtag, type Schema } from '../api/client.js';
import { faultAt, problemOf } from '../api/problem.js';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { FilterBox } from '../devices/filter-box.js';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { JsonInput, readJson } from '../shared/json-input.js';
import { ProblemView } from '../shared/problem-view.js';
import { CAREFUL } from './batch-plan.js';
import type { Draft } from './steps.js';

type JsonMap = Record<string, Schema<'JsonValue'>>;

/** Which devices, which values, what they shall report. Saving the first time makes the draft. */
export const DefinitionStep = ({ draft }: { readonly draft: Draft | undefined }) => {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const was = draft?.data;
  const [name, setName] = useState(was?.name ?? '');
  const [filter, setFilter] = useState(was?.target.filter ?? '');
  const [unfinished, setUnfinished] = useState(false);
  const [everything, setEverything] = useState(false);
  const [by, setBy] = useState<'values' | 'firmware'>('values');
  const [values, setValues] = useState(() => pretty(was?.configurations));
  const [expected, setExpected] = useState(() => pretty(was?.expectedStates));
  const [firmwareIds, setFirmwareIds] = useState<string[]>([]);
  const [key, setKey] = useState(newIdempotencyKey);
  const ownTarget = was !== undefined && was.target.filter === undefined;
  const matched = useQuery({ ...fleetSummaryQuery(filter), enabled: !ownTarget }).data;
  const firmwares = useQuery({
    queryKey: ['firmwares', 'all'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/firmwares', { params: { query: { limit: 200 } }, signal })),
    enabled: by === 'firmware',
  }).data;

  const target = { filter: filter.trim() === '' ? 'name=exists=true' : filter };
  const configurations = mapIn(values);
  const expectedStates = mapIn(expected);
  const save = useMutation({
    mutationFn: async (): Promise<string> => {
      const header = { 'Idempotency-Key': key };
      if (draft === undefined && by === 'firmware') {
        const { id } = await answered(
          api.POST('/api/v1/campaigns/from-firmware', {
            params: { header },
            body: { name, firmwareIds, target, batches: [...CAREFUL] },
          }),
        );
        return id;
      }
      const body = {
        name,
        ...(ownTarget ? {} : { target }),
        configurations: configurations.map ?? {},
        expectedStates: expectedStates.map ?? {},
      };
      if (draft === undefined) {
        const { id } = await answered(
          api.POST('/api/v1/campaigns', {
            params: { header },
            body: { ...body, target, batches: [...CAREFUL] },
          }),
        );
        return id;
      }
      await withEtag(
        api.PATCH('/api/v1/campaigns/{id}', {
          params: { path: { id: draft.data.id }, header: { 'If-Match': draft.etag } },
          body,
        }),
      );
      return draft.data.id;
    },
    onSuccess: async (id) => {
      await queries.invalidateQueries({ queryKey: ['campaign', id] });
      void queries.invalidateQueries({ queryKey: ['campaigns'] });
      void navigate({ to: '/campaigns/$id/edit/$step', params: { id, step: 'batches' } });
    },
    onError: () => setKey(newIdempotencyKey()),
  });
  const problem = save.isError ? problemOf(save.error) : undefined;
  const ready =
    name.trim() !== '' &&
    (ownTarget || (!unfinished && (filter !== '' || everything))) &&
    (by === 'firmware'
      ? firmwareIds.length > 0
      : configurations.fault === undefined && expectedStates.fault === undefined);

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="md" maw={820}>
        <TextInput
          required
          label="Name"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={faultAt(problem, 'name')}
        />
        <div>
          <Text fw={500} mb={4}>
            Devices
          </Text>
          {ownTarget ? (
            <Text>The devices of this draft are named, or those of another campaign; they stay.</Text>
          ) : (
            <>
              <FilterBox
                id="campaign-filter"
                label="Devices of the campaign"
                applied={filter}
                onApply={setFilter}
                onUnfinished={setUnfinished}
                fault={faultAt(problem, 'target')}
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
                  onChange={(event) => setEverything(event.currentTarget.checked)}
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
            </>
          )}
        </div>
        {draft === undefined && (
          <SegmentedControl
            aria-label="What it brings"
            data={[
              { value: 'values', label: 'Values' },
              { value: 'firmware', label: 'A firmware' },
            ]}
            value={by}
            onChange={(value) => setBy(value === 'firmware' ? 'firmware' : 'values')}
            maw={260}
          />
        )}
        {by === 'firmware' ? (
          <MultiSelect
            size="xs"
            searchable
            label="Firmwares"
            description="Version, address and a download token are filled in under the keys of their type, and the version is expected."
            data={(firmwares?.items ?? []).map(({ id, firmwareType, version }) => ({
              value: id,
              label: `${firmwareType} ${version}`,
            }))}
            value={firmwareIds}
            onChange={setFirmwareIds}
            error={faultAt(problem, 'firmwareIds')}
          />
        ) : (
          <>
            <JsonInput
              label="Values to write, as an object of key and value"
              text={values}
              onChange={setValues}
              fault={configurations.fault ?? faultAt(problem, 'configurations')}
            />
            <JsonInput
              label="What devices shall report in the end (may be left empty: then it counts that they apply)"
              text={expected}
              onChange={setExpected}
              fault={expectedStates.fault ?? faultAt(problem, 'expectedStates')}
            />
          </>
        )}
        {problem?.status === 412 ? (
          <Text className="state-bad" role="alert">
            Somebody has edited this draft meanwhile. Load the page anew to see it; what you have written here
            is not saved.
          </Text>
        ) : (
          <ProblemView error={save.error} />
        )}
        <Group justify="flex-end">
          <ActButton needs="campaign" type="submit" disabled={!ready} loading={save.isPending}>
            {draft === undefined ? 'Save as a draft and go on' : 'Save and go on'}
          </ActButton>
        </Group>
      </Stack>
    </form>
  );
};

const pretty = (values: Readonly<Record<string, unknown>> | undefined): string =>
  values === undefined || Object.keys(values).length === 0 ? '' : JSON.stringify(values, null, 2);

/** Empty: nothing. */
const mapIn = (text: string): { readonly map?: JsonMap; readonly fault?: string } => {
  if (text.trim() === '') return { map: {} };
  const read = readJson(text);
  if ('fault' in read) return { fault: read.fault };
  if (typeof read.value !== 'object' || read.value === null || Array.isArray(read.value))
    return { fault: 'Write an object: {"key": value}.' };
  return { map: read.value as JsonMap };
};
