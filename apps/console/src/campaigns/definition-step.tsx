import {
  Checkbox,
  Group,
  MultiSelect,
  SegmentedControl,
  Select,
  Stack,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { MOST } from '../shared/most.js';
import { AskBeforeLeaving } from '../shared/ask-before-leaving.js';
import { JsonInput } from '../shared/json-input.js';
import { mapIn, mapText } from '../shared/json-map.js';
import { sameJson } from '../shared/same-json.js';
import { CAREFUL } from './batch-plan.js';
import { DraftStanding, saveText } from './draft-standing.js';
import { useSaveDraft } from './save-draft.js';
import type { StepProps } from './steps.js';
import { targetDraftOf, targetIn } from './target-draft.js';
import { TargetFields } from './target-fields.js';

/** Which devices, which values, what they shall report. Saving the first time makes the draft. */
export const DefinitionStep = ({ draft, onUnsaved }: Partial<StepProps>) => {
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
  const types = useQuery(deviceTypesQuery).data;
  const firmwares = useQuery({
    queryKey: ['firmwares', 'all'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/firmwares', { params: { query: { limit: MOST } }, signal })),
    enabled: by === 'firmware',
  }).data;

  const target = targetIn(devices);
  const configurations = mapIn(values);
  const expectedStates = mapIn(expected);
  const said = description.trim();
  const body: Schema<'CampaignEdit'> = {
    name,
    ...(target === undefined ? {} : { target }),
    configurations: configurations.map ?? {},
    expectedStates: expectedStates.map ?? {},
    expectedFrom: stated ? 'stated' : 'any',
    description: said === '' ? null : said,
    deviceType,
  };
  const [before] = useState(body);
  const create = async (): Promise<string> => {
    if (target === undefined) throw new Error('The devices are not finished.');
    const made = {
      name,
      target,
      configurations: configurations.map ?? {},
      expectedStates: expectedStates.map ?? {},
      expectedFrom: stated ? ('stated' as const) : ('any' as const),
      ...(said === '' ? {} : { description: said }),
      ...(deviceType === null ? {} : { deviceType }),
      batches: [...CAREFUL],
    };
    const { id } = await once((key) => {
      const params = { header: { 'Idempotency-Key': key } };
      return answered(
        by === 'firmware'
          ? api.POST('/api/v1/campaigns/from-firmware', { params, body: { ...made, firmwareIds } })
          : api.POST('/api/v1/campaigns', { params, body: made }),
      );
    });
    return id;
  };
  const { save, busy, theirs, isGone, error, problem } = useSaveDraft({
    opened: draft,
    before,
    next: 'batches',
    create,
  });
  const typed = [name, description, devices, deviceType, stated, by, values, expected, firmwareIds];
  const [first] = useState(typed);
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
        save(body);
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
            data={(firmwares?.items ?? []).map(({ id, firmwareType, version, deviceTypeId }) => ({
              value: id,
              label: `${firmwareType} ${version} of ${types?.items.find((type) => type.id === deviceTypeId)?.name ?? 'its type'}`,
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
          of=""
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
          of=""
          text={expected}
          onChange={setExpected}
          fault={expectedStates.fault ?? faultAt(problem, 'expectedStates')}
        />
        <Checkbox
          label="Every device must state it itself; that it has applied is not enough"
          checked={stated}
          onChange={(event) => setStated(event.currentTarget.checked)}
        />
        <DraftStanding isChanged={theirs !== undefined} isGone={isGone} error={error} />
        <AskBeforeLeaving
          unsaved={!sameJson(typed, first)}
          {...(onUnsaved === undefined ? {} : { onUnsaved })}
        />
        <Group justify="flex-end">
          <ActButton needs="campaign" type="submit" disabled={!ready} loading={busy}>
            {saveText(
              { isGone, isChanged: theirs !== undefined },
              draft === undefined ? 'Save as a draft and go on' : 'Save and go on',
            )}
          </ActButton>
        </Group>
      </Stack>
    </form>
  );
};

/** One that was deleted since is still what the draft says. */
const typesWith = (own: string | null, names: readonly string[]): string[] =>
  own === null || names.includes(own) ? [...names] : [own, ...names];
