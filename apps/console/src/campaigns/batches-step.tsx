import {
  ActionIcon,
  Button,
  Checkbox,
  Group,
  NumberInput,
  Select,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { PlusIcon, TrashIcon } from '@primer/octicons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, withEtag } from '../api/client.js';
import { problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ProblemView } from '../shared/problem-view.js';
import { addedBefore, batchOf, draftOf, takesTheRest, type BatchDraft } from './batch-plan.js';
import { PreviewNumbers } from './preview-numbers.js';
import type { Draft } from './steps.js';

/** In which parts, what each must show before the next goes, how fast and when. */
export const BatchesStep = ({ draft }: { readonly draft: Draft }) => {
  const { data: was, etag } = draft;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [batches, setBatches] = useState<readonly BatchDraft[]>(() => was.batches.map(draftOf));
  const [spacing, setSpacing] = useState(was.spacingSeconds);
  const [rate, setRate] = useState(was.ratePerMinute);
  const [inFlight, setInFlight] = useState<number | undefined>(was.maxInFlight);
  const [onConflict, setOnConflict] = useState(was.onConflict);
  const [waitForDevices, setWait] = useState(was.waitForDevices);
  const save = useMutation({
    mutationFn: () =>
      withEtag(
        api.PATCH('/api/v1/campaigns/{id}', {
          params: { path: { id: was.id }, header: { 'If-Match': etag } },
          body: {
            batches: batches.map(batchOf),
            spacingSeconds: spacing,
            ratePerMinute: rate,
            maxInFlight: inFlight ?? null,
            onConflict,
            waitForDevices,
          },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['campaign', was.id] });
      void navigate({ to: '/campaigns/$id/edit/$step', params: { id: was.id, step: 'review' } });
    },
  });
  const change = (key: string, next: Partial<BatchDraft>) =>
    setBatches(batches.map((batch) => (batch.key === key ? { ...batch, ...next } : batch)));
  const problem = save.isError ? problemOf(save.error) : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="sm" maw={900}>
        <PreviewNumbers id={was.id} revision={was.revision} onConflict={was.onConflict} />
        {batches.map((batch, index) => (
          <BatchFields
            key={batch.key}
            number={index + 1}
            batch={batch}
            onChange={(next) => change(batch.key, next)}
            {...(batches.length > 1
              ? { onRemove: () => setBatches(batches.filter(({ key }) => key !== batch.key)) }
              : {})}
          />
        ))}
        {!takesTheRest(batches) && (
          <Text className="state-pending">
            The last batch should be 100 %: it takes the rest. Otherwise the launch is refused when devices
            are left over.
          </Text>
        )}
        <Group>
          <Button
            variant="default"
            leftSection={<PlusIcon size={14} />}
            onClick={() => setBatches(addedBefore(batches))}
          >
            Add a batch
          </Button>
        </Group>
        <Group align="end" gap="sm">
          <Whole label="Between batches (s)" value={spacing} min={0} onChange={setSpacing} />
          <Whole label="Devices a minute" value={rate} min={1} onChange={setRate} />
          <NumberInput
            label="In flight at most"
            placeholder="no limit"
            min={1}
            w={140}
            value={inFlight ?? ''}
            onChange={(value) => setInFlight(typeof value === 'number' ? value : undefined)}
          />
          <Select
            label="Devices that another campaign sets the same key of"
            w={300}
            data={[
              { value: 'reject', label: 'refuse the launch' },
              { value: 'skip', label: 'leave them out' },
              { value: 'supersede', label: 'take them from it' },
            ]}
            value={onConflict}
            allowDeselect={false}
            onChange={(value) => setOnConflict(value === 'skip' || value === 'supersede' ? value : 'reject')}
          />
        </Group>
        <Checkbox
          label="It is completed only when every device has answered"
          checked={waitForDevices}
          onChange={(event) => setWait(event.currentTarget.checked)}
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
          <ActButton needs="campaign" type="submit" loading={save.isPending}>
            Save and review
          </ActButton>
        </Group>
      </Stack>
    </form>
  );
};

const BatchFields = ({
  number,
  batch,
  onChange,
  onRemove,
}: {
  readonly number: number;
  readonly batch: BatchDraft;
  readonly onChange: (next: Partial<BatchDraft>) => void;
  readonly onRemove?: () => void;
}) => (
  <fieldset className="card">
    <legend>Batch {number}</legend>
    <Group align="end" gap="sm">
      <Select
        label="Devices"
        w={170}
        data={[
          { value: 'percent', label: 'a part of all, in %' },
          { value: 'count', label: 'so many' },
          { value: 'filter', label: 'those that match' },
          ...(batch.by === 'named' ? [{ value: 'named', label: `${batch.named.length} named` }] : []),
        ]}
        value={batch.by}
        allowDeselect={false}
        onChange={(value) => onChange({ by: (value ?? 'percent') as BatchDraft['by'] })}
      />
      {batch.by === 'filter' ? (
        <TextInput
          label="Filter"
          className="grow"
          classNames={{ input: 'mono' }}
          value={batch.filter}
          onChange={(event) => onChange({ filter: event.currentTarget.value })}
        />
      ) : (
        batch.by !== 'named' && (
          <Whole
            label={batch.by === 'percent' ? 'Percent' : 'How many'}
            value={batch.amount}
            min={1}
            {...(batch.by === 'percent' ? { max: 100 } : {})}
            onChange={(amount) => onChange({ amount })}
          />
        )
      )}
      {onRemove !== undefined && (
        <ActionIcon variant="default" size="md" aria-label={`Take batch ${number} away`} onClick={onRemove}>
          <TrashIcon size={14} />
        </ActionIcon>
      )}
    </Group>
    <Group mt={8} gap="lg">
      <Checkbox
        label="An operator releases it; otherwise it goes by itself"
        checked={batch.manual}
        onChange={(event) => onChange({ manual: event.currentTarget.checked })}
      />
      <Checkbox
        label="A gate must be passed before the next"
        checked={batch.gated}
        onChange={(event) => onChange({ gated: event.currentTarget.checked })}
      />
    </Group>
    {batch.gated && (
      <Group mt={8} align="end" gap="sm">
        <NumberInput
          label="Failed at most (%)"
          min={0}
          max={100}
          w={150}
          value={batch.maxFailurePercent}
          onChange={(value) => onChange({ maxFailurePercent: typeof value === 'number' ? value : 0 })}
        />
        <Whole
          label="Of so many settled"
          value={batch.minSettled}
          min={1}
          onChange={(minSettled) => onChange({ minSettled })}
        />
        <Whole
          label="Waits at most (s)"
          value={batch.maxWaitSeconds}
          min={1}
          onChange={(maxWaitSeconds) => onChange({ maxWaitSeconds })}
        />
      </Group>
    )}
  </fieldset>
);

const Whole = ({
  label,
  value,
  min,
  max,
  onChange,
}: {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max?: number;
  readonly onChange: (value: number) => void;
}) => (
  <NumberInput
    label={label}
    w={150}
    min={min}
    {...(max === undefined ? {} : { max })}
    allowDecimal={false}
    value={value}
    onChange={(next) => onChange(typeof next === 'number' ? next : min)}
  />
);
