import {
  Checkbox,
  Group,
  MultiSelect,
  SegmentedControl,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, withEtag } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { JsonInput } from '../shared/json-input.js';
import { mapIn, mapText } from '../shared/json-map.js';
import { ProblemView } from '../shared/problem-view.js';
import { CAREFUL } from './batch-plan.js';
import type { Draft } from './steps.js';
import { targetDraftOf, targetIn } from './target-draft.js';
import { TargetFields } from './target-fields.js';

/** Which devices, which values, what they shall report. Saving the first time makes the draft. */
export const DefinitionStep = ({ draft }: { readonly draft: Draft | undefined }) => {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const was = draft?.data;
  const [name, setName] = useState(was?.name ?? '');
  const [description, setDescription] = useState(was?.description ?? '');
  const [devices, setDevices] = useState(() => targetDraftOf(was?.target));
  const [deviceType, setDeviceType] = useState(was?.deviceType ?? null);
  const [stated, setStated] = useState(was?.expectedFrom === 'stated');
  const [by, setBy] = useState<'values' | 'firmware'>('values');
  const [values, setValues] = useState(() => mapText(was?.configurations));
  const [expected, setExpected] = useState(() => mapText(was?.expectedStates));
  const [firmwareIds, setFirmwareIds] = useState<string[]>([]);
  const once = useIdempotencyKey();
  const types = useQuery({
    queryKey: ['device-types', 'all'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/device-types', { params: { query: { limit: 200 } }, signal })),
  }).data;
  const firmwares = useQuery({
    queryKey: ['firmwares', 'all'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/firmwares', { params: { query: { limit: 200 } }, signal })),
    enabled: by === 'firmware',
  }).data;

  const target = targetIn(devices);
  const configurations = mapIn(values);
  const expectedStates = mapIn(expected);
  const save = useMutation({
    mutationFn: async (): Promise<string> => {
      if (target === undefined) throw new Error('The devices are not finished.');
      const own = {
        name,
        target,
        configurations: configurations.map ?? {},
        expectedStates: expectedStates.map ?? {},
        expectedFrom: stated ? ('stated' as const) : ('any' as const),
      };
      const said = description.trim();
      if (draft === undefined) {
        const body = {
          ...own,
          ...(said === '' ? {} : { description: said }),
          ...(deviceType === null ? {} : { deviceType }),
          batches: [...CAREFUL],
        };
        const { id } = await once((key) => {
          const header = { 'Idempotency-Key': key };
          return answered(
            by === 'firmware'
              ? api.POST('/api/v1/campaigns/from-firmware', {
                  params: { header },
                  body: { ...body, firmwareIds },
                })
              : api.POST('/api/v1/campaigns', { params: { header }, body }),
          );
        });
        return id;
      }
      const body = { ...own, description: said === '' ? null : said, deviceType };
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
  });
  const problem = save.isError ? problemOf(save.error) : undefined;
  const ready =
    name.trim() !== '' &&
    target !== undefined &&
    configurations.fault === undefined &&
    expectedStates.fault === undefined &&
    (by === 'values' || firmwareIds.length > 0);

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
        <Textarea
          label="What it is for"
          autosize
          maxRows={6}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
          error={faultAt(problem, 'description')}
        />
        <TargetFields
          draft={devices}
          label="Devices of the campaign"
          problem={problem}
          onChange={(next) => setDevices((before) => ({ ...before, ...next }))}
        />
        <Select
          label="Only of the type"
          placeholder="any"
          clearable
          searchable
          maw={260}
          data={typesWith(
            deviceType,
            (types?.items ?? []).map((type) => type.name),
          )}
          value={deviceType}
          onChange={setDeviceType}
          error={faultAt(problem, 'deviceType')}
        />
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
        {by === 'firmware' && (
          <MultiSelect
            size="xs"
            searchable
            label="Firmwares"
            description="At most one of each firmware type, all of one device type. Version, address and a download token are filled in under the keys of their type, and the version is expected."
            data={(firmwares?.items ?? []).map(({ id, firmwareType, version }) => ({
              value: id,
              label: `${firmwareType} ${version}`,
            }))}
            value={firmwareIds}
            onChange={setFirmwareIds}
            error={faultAt(problem, 'firmwareIds')}
          />
        )}
        <JsonInput
          label={
            by === 'firmware'
              ? 'Values beside those of the firmwares, or in their place (may be left empty)'
              : 'Values to write, as an object of key and value'
          }
          text={values}
          onChange={setValues}
          fault={configurations.fault ?? faultAt(problem, 'configurations')}
        />
        <JsonInput
          label={
            by === 'firmware'
              ? 'What devices shall report beside the versions (may be left empty)'
              : 'What devices shall report in the end (may be left empty: then it counts that they apply)'
          }
          text={expected}
          onChange={setExpected}
          fault={expectedStates.fault ?? faultAt(problem, 'expectedStates')}
        />
        <Checkbox
          label="Every device must state it itself; that it has applied is not enough"
          checked={stated}
          onChange={(event) => setStated(event.currentTarget.checked)}
        />
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

/** One that was deleted since is still what the draft says. */
const typesWith = (own: string | null, names: readonly string[]): string[] =>
  own === null || names.includes(own) ? [...names] : [own, ...names];
