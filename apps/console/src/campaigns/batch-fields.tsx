import { ActionIcon, Checkbox, Group, Select, Text, Textarea, TextInput } from '@mantine/core';
import { TrashIcon } from '@primer/octicons-react';
import { faultAt, type Problem } from '../api/problem.js';
import { NumberField, SecondsField } from '../shared/number-field.js';
import { asksNothing, FIRST_GATE, idsIn, withField, type BatchDraft, type Gate } from './batch-plan.js';

/** One batch: which devices, who releases it, and what it must show before the next. */
export const BatchFields = ({
  number,
  batch,
  problem,
  onChange,
  onRemove,
}: {
  readonly number: number;
  readonly batch: BatchDraft;
  /** What the platform said against the whole plan. */
  readonly problem: Problem | undefined;
  readonly onChange: (next: Partial<BatchDraft>) => void;
  readonly onRemove?: () => void;
}) => {
  const path = `batches.${number - 1}`;
  const whole = problem?.errors?.find((error) => error.path === path)?.message;
  return (
    <fieldset className="card">
      <legend>Batch {number}</legend>
      <Group align="start" gap="sm">
        <Select
          label="Devices"
          w={170}
          data={[
            { value: 'percent', label: 'a part of all, in %' },
            { value: 'count', label: 'so many' },
            { value: 'filter', label: 'those that match' },
            { value: 'named', label: 'those that are named' },
          ]}
          value={batch.by}
          allowDeselect={false}
          error={whole}
          onChange={(value) => onChange({ by: value ?? 'percent' })}
        />
        <Share batch={batch} path={path} problem={problem} onChange={onChange} />
        {onRemove !== undefined && (
          <ActionIcon
            data-narrows
            variant="default"
            size="md"
            mt={20}
            aria-label={`Take batch ${number} away`}
            onClick={onRemove}
          >
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
          label="Devices that were heard last come first"
          checked={batch.recentlySeenFirst}
          onChange={(event) => onChange({ recentlySeenFirst: event.currentTarget.checked })}
        />
        <Checkbox
          label="A gate must be passed before the next"
          checked={batch.gate !== undefined}
          onChange={(event) => onChange({ gate: event.currentTarget.checked ? FIRST_GATE : undefined })}
        />
      </Group>
      {batch.gate !== undefined && (
        <GateFields
          gate={batch.gate}
          path={`${path}.gate`}
          problem={problem}
          onChange={(gate) => onChange({ gate })}
        />
      )}
    </fieldset>
  );
};

const Share = ({
  batch: { by, amount, filter, named },
  path,
  problem,
  onChange,
}: {
  readonly batch: BatchDraft;
  readonly path: string;
  readonly problem: Problem | undefined;
  readonly onChange: (next: Partial<BatchDraft>) => void;
}) => {
  switch (by) {
    case 'filter':
      return (
        <TextInput
          label="Filter"
          required
          className="grow"
          classNames={{ input: 'mono' }}
          value={filter}
          onChange={(event) => onChange({ filter: event.currentTarget.value })}
          error={faultAt(problem, `${path}.filter`)}
        />
      );
    case 'named':
      return (
        <Textarea
          label="Ids of devices"
          required
          description={`${idsIn(named).length} named`}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          className="grow"
          classNames={{ input: 'mono' }}
          autosize
          maxRows={8}
          value={named}
          onChange={(event) => onChange({ named: event.currentTarget.value })}
          error={faultAt(problem, `${path}.deviceIds`)}
        />
      );
    case 'percent':
    case 'count':
      return (
        <NumberField
          label={by === 'percent' ? 'Percent' : 'How many'}
          required
          value={amount}
          whole={by === 'count'}
          min={by === 'count' ? 1 : 0}
          {...(by === 'percent' ? { max: 100 } : {})}
          onChange={(next) => onChange({ amount: next })}
          fault={faultAt(problem, `${path}.${by}`)}
        />
      );
  }
};

const GateFields = ({
  gate,
  path,
  problem,
  onChange,
}: {
  readonly gate: Gate;
  readonly path: string;
  readonly problem: Problem | undefined;
  readonly onChange: (gate: Gate) => void;
}) => {
  const field = (name: 'maxFailurePercent' | 'minSuccessPercent' | 'minSettled' | 'minSettledPercent') => ({
    value: gate[name],
    onChange: (value: number | undefined) => onChange(withField(gate, name, value)),
    fault: faultAt(problem, `${path}.${name}`),
  });
  const seconds = (name: 'soakSeconds' | 'maxWaitSeconds') => ({
    value: gate[name],
    onChange: (value: number | undefined) => onChange(withField(gate, name, value)),
    fault: faultAt(problem, `${path}.${name}`),
  });
  const own = problem?.errors?.find((error) => error.path === path)?.message;
  return (
    <>
      <Group mt={8} align="start" gap="sm">
        <NumberField
          {...field('maxFailurePercent')}
          label="Failed at most (%)"
          placeholder="any"
          min={0}
          max={100}
          whole={false}
        />
        <NumberField
          {...field('minSuccessPercent')}
          label="Succeeded at least (%)"
          placeholder="any"
          min={0}
          max={100}
          whole={false}
        />
        <NumberField {...field('minSettled')} label="Of so many settled" placeholder="50" min={1} />
        <SecondsField {...seconds('soakSeconds')} label="Watched for" placeholder="not longer" min={0} />
        <SecondsField
          {...seconds('maxWaitSeconds')}
          label="Waits at most"
          placeholder="as long as it takes"
          min={1}
        />
        <Select
          label="Devices that are away"
          w={230}
          data={[
            { value: 'exclude', label: 'are not waited for' },
            { value: 'wait', label: 'are waited for' },
            { value: 'fail', label: 'count as failed' },
          ]}
          value={gate.offline ?? 'exclude'}
          allowDeselect={false}
          onChange={(value) => onChange({ ...gate, offline: value ?? 'exclude' })}
          error={faultAt(problem, `${path}.offline`)}
        />
        {(gate.offline ?? 'exclude') === 'exclude' && (
          <NumberField
            {...field('minSettledPercent')}
            label="Settled at least (%)"
            description="of the batch, though some are away"
            placeholder="25"
            min={0}
            max={100}
            whole={false}
          />
        )}
      </Group>
      {own !== undefined && (
        <Text className="state-bad" role="alert">
          The gate {own}
        </Text>
      )}
      {asksNothing(gate) && (
        <Text className="state-pending">
          Say how many may fail, or how many must succeed: otherwise the gate asks nothing.
        </Text>
      )}
      {gate.maxWaitSeconds === undefined && (
        <Text className="state-pending">
          Without an end it may wait for silent devices until the campaign ends.
        </Text>
      )}
    </>
  );
};
