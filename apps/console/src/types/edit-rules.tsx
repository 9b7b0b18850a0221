import { Select } from '@mantine/core';
import { useState } from 'react';
import { faultAt } from '../api/problem.js';
import { Conflict } from '../shared/conflict.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { NumberField } from '../shared/number-field.js';
import { withValue } from '../shared/with-value.js';
import type { Versioned } from '../shared/use-edit.js';
import { keyOfDefault, limitName, namedConfiguration, UNDECLARED, withMine } from './configuration-values.js';
import type { TypeConfiguration } from './types.queries.js';
import { useRules } from './use-type-configuration.js';

export const LIMITS = [
  { name: 'documentBytes', label: 'Bytes of a whole configuration' },
  { name: 'valueBytes', label: 'Bytes of a value' },
  { name: 'keys', label: 'Keys' },
] as const;
type Limits = Partial<Record<(typeof LIMITS)[number]['name'], number>>;

/** Whether devices may have other keys than those that are declared, and how large it all may be. */
export const EditRules = ({
  opened,
  onClose,
}: {
  readonly opened: Versioned<TypeConfiguration>;
  readonly onClose: () => void;
}) => {
  const [undeclaredKeys, setUndeclaredKeys] = useState(opened.data.undeclaredKeys);
  const [limits, setLimits] = useState<Limits>(opened.data.limits);
  const { save, busy, theirs, error, problem } = useRules({ opened, onSaved: onClose });
  const changed = LIMITS.filter(({ name }) => limits[name] !== opened.data.limits[name]);
  const edit = {
    ...(undeclaredKeys === opened.data.undeclaredKeys ? {} : { undeclaredKeys }),
    ...(changed.length === 0
      ? {}
      : { limits: Object.fromEntries(changed.map(({ name }) => [name, limits[name] ?? null])) }),
  };
  const was = namedConfiguration(opened.data);
  return (
    <EditDialog
      title="Rules for configurations"
      isReady={Object.keys(edit).length > 0}
      busy={busy}
      error={error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict
            thing="Of the type"
            keyOf={keyOfDefault}
            rows={conflictRows(
              was,
              namedConfiguration(theirs),
              withMine(was, {
                [UNDECLARED]: undeclaredKeys,
                ...Object.fromEntries(
                  changed.map(({ name }) => [limitName(name), String(limits[name] ?? 'the service’s own')]),
                ),
              }),
            )}
          />
        )
      }
      onSave={() => save(edit)}
      onClose={onClose}
    >
      <Select
        label="Keys that are not declared"
        data={[
          { value: 'allowed', label: 'allowed' },
          { value: 'refused', label: 'refused' },
        ]}
        value={undeclaredKeys}
        onChange={(value) => setUndeclaredKeys(value === 'refused' ? 'refused' : 'allowed')}
        allowDeselect={false}
        error={faultAt(problem, 'undeclaredKeys')}
      />
      {LIMITS.map(({ name, label }) => (
        <NumberField
          key={name}
          label={label}
          description="At most; empty: as much as the service takes."
          min={1}
          value={limits[name]}
          onChange={(value) => setLimits((now) => withValue(now, name, value))}
          fault={faultAt(problem, `limits.${name}`)}
          width="100%"
        />
      ))}
    </EditDialog>
  );
};
