import { Checkbox, Group, Select, Text, TextInput } from '@mantine/core';
import { faultAt, type Problem } from '../api/problem.js';
import { ownZone } from '../shared/local-time.js';
import { NumberField, SecondsField } from '../shared/number-field.js';
import { TimeInput } from '../shared/time-input.js';
import { withField } from './batch-plan.js';
import { DAYS, type PlanDraft, type WindowDraft } from './plan.js';

interface FieldsProps {
  readonly plan: PlanDraft;
  readonly problem: Problem | undefined;
  readonly onChange: (next: Partial<PlanDraft>) => void;
}

/** How fast, and what when devices fail or another campaign wants them. */
export const PaceFields = ({ plan, problem, onChange }: FieldsProps) => {
  const { threshold } = plan;
  return (
    <fieldset className="card">
      <legend>How fast</legend>
      <Group align="start" gap="sm">
        <SecondsField
          label="Between batches"
          min={0}
          placeholder="none"
          value={plan.spacingSeconds}
          onChange={(spacingSeconds) => onChange({ spacingSeconds })}
          fault={faultAt(problem, 'spacingSeconds')}
        />
        <NumberField
          label="Devices a minute"
          min={1}
          placeholder="default"
          value={plan.ratePerMinute}
          onChange={(ratePerMinute) => onChange({ ratePerMinute })}
          fault={faultAt(problem, 'ratePerMinute')}
        />
        <NumberField
          label="In flight at most"
          min={1}
          placeholder="no limit"
          value={plan.maxInFlight}
          onChange={(maxInFlight) => onChange({ maxInFlight })}
          fault={faultAt(problem, 'maxInFlight')}
        />
        <Select
          label="Devices that another campaign sets the same key of"
          w={300}
          data={[
            { value: 'reject', label: 'refuse the launch' },
            { value: 'skip', label: 'leave them out' },
            { value: 'supersede', label: 'take them from it' },
          ]}
          value={plan.onConflict}
          allowDeselect={false}
          onChange={(value) =>
            onChange({ onConflict: value === 'skip' || value === 'supersede' ? value : 'reject' })
          }
          error={faultAt(problem, 'onConflict')}
        />
      </Group>
      <Checkbox
        mt={8}
        label="The whole campaign is paused when too many have failed"
        checked={threshold !== undefined}
        onChange={(event) =>
          onChange({ threshold: event.currentTarget.checked ? { maxFailurePercent: 5 } : undefined })
        }
      />
      {threshold !== undefined && (
        <Group mt={8} align="start" gap="sm">
          <NumberField
            label="Failed at most (%)"
            required
            min={0}
            max={100}
            whole={false}
            value={threshold.maxFailurePercent}
            onChange={(value) => onChange({ threshold: withField(threshold, 'maxFailurePercent', value) })}
            fault={faultAt(problem, 'failureThreshold.maxFailurePercent')}
          />
          <NumberField
            label="Of so many settled"
            placeholder="50"
            min={1}
            value={threshold.minSettled}
            onChange={(value) => onChange({ threshold: withField(threshold, 'minSettled', value) })}
            fault={faultAt(problem, 'failureThreshold.minSettled')}
          />
        </Group>
      )}
    </fieldset>
  );
};

/** When values are written, and how long a device and the whole have. */
export const TimeFields = ({ plan, problem, onChange }: FieldsProps) => (
  <fieldset className="card">
    <legend>When</legend>
    <Checkbox
      label="Only in some hours"
      checked={plan.window !== undefined}
      onChange={(event) =>
        onChange({
          window: event.currentTarget.checked
            ? { timeZone: ownZone(), from: '02:00', to: '05:00', days: [] }
            : undefined,
        })
      }
    />
    {plan.window !== undefined && (
      <WindowFields window={plan.window} problem={problem} onChange={(window) => onChange({ window })} />
    )}
    <Group mt={8} align="start" gap="sm">
      <SecondsField
        label="Deadline of a device"
        min={1}
        value={plan.deadlineSeconds}
        onChange={(deadlineSeconds) => onChange({ deadlineSeconds })}
        fault={faultAt(problem, 'deadlineSeconds')}
      />
      <NumberField
        label="Tried again"
        description="times, when it was busy"
        placeholder="2"
        min={0}
        max={20}
        value={plan.retriesMax}
        onChange={(retriesMax) => onChange({ retriesMax })}
        fault={faultAt(problem, 'retries.max') ?? ownFault(problem, 'retries')}
      />
      <SecondsField
        label="First try again after"
        placeholder="60 s"
        min={1}
        value={plan.retriesFirstAfterSeconds}
        onChange={(retriesFirstAfterSeconds) => onChange({ retriesFirstAfterSeconds })}
        fault={faultAt(problem, 'retries.firstAfterSeconds')}
      />
      <TimeInput
        label="Everything ends"
        description="Empty: 30 days after the launch"
        at={plan.endAt}
        onChange={(endAt) => onChange({ endAt })}
        error={faultAt(problem, 'endAt')}
      />
    </Group>
    <Checkbox
      mt={8}
      label="It is completed only when every device has answered"
      checked={plan.waitForDevices}
      onChange={(event) => onChange({ waitForDevices: event.currentTarget.checked })}
    />
    <Text c="dimmed" mt={4}>
      When it launches itself is said in the next step.
    </Text>
  </fieldset>
);

const ownFault = (problem: Problem | undefined, path: string): string | undefined =>
  problem?.errors?.find((error) => error.path === path)?.message;

const DAY_NAMES: Readonly<Record<(typeof DAYS)[number], string>> = {
  mon: 'Mon',
  tue: 'Tue',
  wed: 'Wed',
  thu: 'Thu',
  fri: 'Fri',
  sat: 'Sat',
  sun: 'Sun',
};

/** The zones of the browser may lack UTC and the one that was given elsewhere. */
const zonesWith = (zone: string): string[] =>
  [...new Set(['UTC', zone, ...Intl.supportedValuesOf('timeZone')])].sort();

const WindowFields = ({
  window,
  problem,
  onChange,
}: {
  readonly window: WindowDraft;
  readonly problem: Problem | undefined;
  readonly onChange: (next: WindowDraft) => void;
}) => (
  <>
    <Group mt={8} align="start" gap="sm">
      <TextInput
        type="time"
        required
        label="From"
        value={window.from}
        onChange={(event) => onChange({ ...window, from: event.currentTarget.value })}
        error={faultAt(problem, 'window.from')}
      />
      <TextInput
        type="time"
        required
        label="To"
        description={window.to <= window.from ? 'on the next day' : undefined}
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        value={window.to}
        onChange={(event) => onChange({ ...window, to: event.currentTarget.value })}
        error={faultAt(problem, 'window.to')}
      />
      <Select
        label="Time zone"
        searchable
        w={230}
        limit={50}
        data={zonesWith(window.timeZone)}
        value={window.timeZone}
        allowDeselect={false}
        onChange={(timeZone) => onChange({ ...window, timeZone: timeZone ?? window.timeZone })}
        error={faultAt(problem, 'window.timeZone')}
      />
    </Group>
    <Checkbox.Group
      mt={8}
      label="Beginning on"
      description={window.days.length === 0 ? 'every day' : undefined}
      value={[...window.days]}
      onChange={(days) => onChange({ ...window, days: DAYS.filter((day) => days.includes(day)) })}
      error={faultAt(problem, 'window.days') ?? ownFault(problem, 'window')}
    >
      <Group mt={4} gap="sm">
        {DAYS.map((day) => (
          <Checkbox key={day} value={day} label={DAY_NAMES[day]} />
        ))}
      </Group>
    </Checkbox.Group>
  </>
);
