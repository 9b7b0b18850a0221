import { Button, Text } from '@mantine/core';
import { useState } from 'react';
import type { Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { Conflict } from '../shared/conflict.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { readJson } from '../shared/json-input.js';
import { KeyAndJson } from '../shared/key-and-json.js';
import type { Versioned } from '../shared/use-edit.js';
import { keyOfDefault, namedConfiguration, schemaName, withMine } from './configuration-values.js';
import type { TypeConfiguration } from './types.queries.js';
import { useRules } from './use-type-configuration.js';

type DeclaredSchema = Schema<'TypeConfigurationView'>['keys'][string]['schema'];

/** What the value of a key must be, as JSON Schema; a new key where `keyName` is empty. */
export const EditSchema = ({
  opened,
  keyName,
  onClose,
}: {
  readonly opened: Versioned<TypeConfiguration>;
  readonly keyName: string;
  readonly onClose: () => void;
}) => {
  const declared = opened.data.keys[keyName];
  const [name, setName] = useState(keyName);
  const [text, setText] = useState(
    declared === undefined ? '{"type": "number"}' : JSON.stringify(declared.schema, null, 2),
  );
  const { save, busy, theirs, error, problem } = useRules({ opened, onSaved: onClose });
  const key = name.trim();
  const read = readJson(text);
  const isSchema =
    'value' in read &&
    (typeof read.value === 'boolean' ||
      (typeof read.value === 'object' && read.value !== null && !Array.isArray(read.value)));
  const was = namedConfiguration(opened.data);
  return (
    <EditDialog
      title={keyName === '' ? 'Declare a key' : `Schema of ${keyName}`}
      isReady={isSchema && key !== ''}
      busy={busy}
      error={error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict
            thing="Of the type"
            keyOf={keyOfDefault}
            rows={conflictRows(was, namedConfiguration(theirs), withMine(was, { [schemaName(key)]: text }))}
          />
        )
      }
      besides={
        declared !== undefined && (
          <Button variant="default" onClick={() => save({ keys: { [keyName]: null } })}>
            Declare it no more
          </Button>
        )
      }
      onSave={() => isSchema && save({ keys: { [key]: { schema: read.value as DeclaredSchema } } })}
      onClose={onClose}
    >
      <KeyAndJson
        isNew={keyName === ''}
        name={name}
        onName={setName}
        label="Schema (JSON)"
        isSchema
        text={text}
        onText={setText}
        fault={
          'value' in read && !isSchema
            ? 'A schema is an object, or true for any value.'
            : (faultAt(problem, `keys.${key}`) ?? faultAt(problem, 'keys'))
        }
      />
      <Text c="dimmed">
        JSON Schema, draft 2020-12. What devices have already stays as it is: the rule is for changes.
      </Text>
    </EditDialog>
  );
};
