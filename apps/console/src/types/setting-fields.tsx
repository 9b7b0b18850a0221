import { Button, Checkbox, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { faultAt, type Problem } from '../api/problem.js';
import { NumberField } from '../shared/number-field.js';
import { withValue } from '../shared/with-value.js';
import {
  repeated,
  rowsOfRules,
  rulesOfRows,
  SETTINGS,
  type MetadataRow,
  type Settings,
} from './type-settings.js';

/** The settings of a type, each with what holds where nothing is said. */
export const SettingFields = ({
  settings,
  onChange,
  problem,
}: {
  readonly settings: Settings;
  readonly onChange: (settings: Settings) => void;
  readonly problem: Problem | undefined;
}) => {
  const set = <Name extends keyof Settings>(name: Name, value: Settings[Name] | undefined) =>
    onChange(withValue(settings, name, value));
  return (
    <Stack gap="sm">
      {SETTINGS.map(({ name, label, means, byDefault, kind, choices }) => {
        const field = { label, description: means, error: faultAt(problem, `settings.${name}`) };
        const value = settings[name];
        switch (kind) {
          case 'number':
            return (
              <NumberField
                key={name}
                label={label}
                description={means}
                placeholder={`${byDefault}, if nothing is said`}
                value={typeof value === 'number' ? value : undefined}
                onChange={(next) => set(name, next)}
                fault={field.error}
                min={1}
                max={128}
                width="100%"
              />
            );
          case 'text':
            return (
              <TextInput
                key={name}
                {...field}
                placeholder={`${byDefault}, if nothing is said`}
                value={typeof value === 'string' ? value : ''}
                onChange={({ currentTarget: { value: next } }) => set(name, next === '' ? undefined : next)}
              />
            );
          case 'switch':
          case 'choice':
            return (
              <Select
                key={name}
                {...field}
                data={[
                  { value: '', label: `${wordOf(choices, byDefault)}, as nothing is said` },
                  ...(choices ?? [
                    { value: 'true', label: 'on' },
                    { value: 'false', label: 'off' },
                  ]),
                ]}
                value={value === undefined ? '' : String(value)}
                onChange={(next) =>
                  set(
                    name,
                    next === null || next === ''
                      ? undefined
                      : kind === 'switch'
                        ? next === 'true'
                        : (next as Settings['unsetClock']), // one of its choices
                  )
                }
                allowDeselect={false}
              />
            );
        }
      })}
      <MetadataFields
        settings={settings}
        onChange={(rules) => set('metadataKeys', rules)}
        fault={faultAt(problem, 'settings.metadataKeys')}
      />
      <RuleOfOthers
        rule={settings.undeclaredMetadataKeys}
        onChange={(rule) => set('undeclaredMetadataKeys', rule)}
      />
    </Stack>
  );
};

const wordOf = (
  choices: readonly { readonly value: string; readonly label: string }[] | undefined,
  value: string,
): string => choices?.find((choice) => choice.value === value)?.label ?? value;

const MetadataFields = ({
  settings,
  onChange,
  fault,
}: {
  readonly settings: Settings;
  readonly onChange: (rules: Settings['metadataKeys'] | undefined) => void;
  readonly fault: string | undefined;
}) => {
  const [rows, setRows] = useState(() => rowsOfRules(settings.metadataKeys));
  const change = (next: readonly MetadataRow[]) => {
    setRows(next);
    onChange(rulesOfRows(next));
  };
  const at = (index: number, row: Partial<MetadataRow>) =>
    change(rows.map((one, nth) => (nth === index ? { ...one, ...row } : one)));
  const twice = repeated(rows);
  return (
    <fieldset className="fields">
      <legend>Keys of metadata</legend>
      <Text c="dimmed">What the devices of the type may do with a key; operators may do everything.</Text>
      {rows.map(({ key, readable, writable }, index) => (
        <Group key={index} gap="sm" wrap="wrap">
          <TextInput
            aria-label={`Key ${index + 1}`}
            placeholder="key"
            value={key}
            onChange={(event) => at(index, { key: event.currentTarget.value })}
            error={twice.includes(key.trim()) ? 'It is there twice; the last one counts.' : undefined}
          />
          <Checkbox
            label="read"
            aria-label={`Devices read key ${index + 1}`}
            checked={readable}
            onChange={(event) => at(index, { readable: event.currentTarget.checked })}
          />
          <Checkbox
            label="write"
            aria-label={`Devices write key ${index + 1}`}
            checked={writable}
            onChange={(event) => at(index, { writable: event.currentTarget.checked })}
          />
          <Button
            variant="default"
            aria-label={`Take key ${index + 1} away`}
            onClick={() => change(rows.filter((_row, nth) => nth !== index))}
          >
            Take away
          </Button>
        </Group>
      ))}
      {fault !== undefined && <Text className="state-bad">{fault}</Text>}
      <Group>
        <Button
          variant="default"
          onClick={() => change([...rows, { key: '', readable: true, writable: true }])}
        >
          Add a key
        </Button>
      </Group>
    </fieldset>
  );
};

const RuleOfOthers = ({
  rule,
  onChange,
}: {
  readonly rule: Settings['undeclaredMetadataKeys'];
  readonly onChange: (rule: Settings['undeclaredMetadataKeys'] | undefined) => void;
}) => {
  const { readable = true, writable = true } = rule ?? {};
  const change = (next: { readonly readable: boolean; readonly writable: boolean }) =>
    onChange(next.readable && next.writable ? undefined : next);
  return (
    <Group gap="sm">
      <Text>All other keys of metadata:</Text>
      <Checkbox
        label="read"
        aria-label="Devices read all other keys"
        checked={readable}
        onChange={(event) => change({ readable: event.currentTarget.checked, writable })}
      />
      <Checkbox
        label="write"
        aria-label="Devices write all other keys"
        checked={writable}
        onChange={(event) => change({ readable, writable: event.currentTarget.checked })}
      />
    </Group>
  );
};
