import { Button, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { faultAt } from '../api/problem.js';
import { Conflict } from '../shared/conflict.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { TYPE_ABOVE } from '../shared/confirm-count.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { count } from '../shared/format.js';
import { readJson } from '../shared/json-input.js';
import { KeyAndJson } from '../shared/key-and-json.js';
import type { Versioned } from '../shared/use-edit.js';
import {
  defaultName,
  defaultsOf,
  keyOfDefault,
  namedConfiguration,
  withMine,
} from './configuration-values.js';
import type { TypeConfiguration } from './types.queries.js';
import { useDefault } from './use-type-configuration.js';

/** A default reaches every device that has no value of its own: above so many devices their number is typed first. */
export const EditDefault = ({
  opened,
  keyName,
  version,
  devices,
  onClose,
  onSaved,
}: {
  readonly opened: Versioned<TypeConfiguration>;
  /** Empty: a new key. */
  readonly keyName: string;
  /** Undefined: of the type. */
  readonly version: string | undefined;
  /** How many devices it is for; undefined: not known. */
  readonly devices: number | undefined;
  readonly onClose: () => void;
  readonly onSaved: (jobId: string | null) => void;
}) => {
  const own = defaultsOf(opened.data, version)[keyName];
  const [name, setName] = useState(keyName);
  const [text, setText] = useState(own === undefined ? '' : JSON.stringify(own, null, 2));
  const [typed, setTyped] = useState('');
  const { save, busy, theirs, error, problem } = useDefault({ opened, version, onSaved });
  const key = name.trim();
  const read = readJson(text);
  const asks = devices === undefined || devices > TYPE_ABOVE;
  const allowed = !asks || typed.trim() === String(devices);
  const was = namedConfiguration(opened.data);
  const whose = version ?? 'the type';
  return (
    <EditDialog
      title={keyName === '' ? `Set a default of ${whose}` : `${keyName}: default of ${whose}`}
      act="Set"
      isReady={'value' in read && read.value !== null && key !== '' && allowed}
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
              withMine(was, { [defaultName(key, version)]: text }),
            )}
          />
        )
      }
      besides={
        own !== undefined && (
          <Button
            variant="default"
            disabled={!allowed}
            onClick={() => save({ key: keyName, kind: 'withdraw' })}
          >
            Take the default away
          </Button>
        )
      }
      onSave={() => {
        if ('value' in read) save({ key, kind: 'set', value: read.value });
      }}
      onClose={onClose}
    >
      <KeyAndJson
        isNew={keyName === ''}
        name={name}
        onName={setName}
        label="Value (JSON)"
        text={text}
        onText={setText}
        fault={
          'value' in read && read.value === null
            ? 'null cannot be a value. Take the default away instead.'
            : faultAt(problem, key)
        }
      />
      <Text>
        {devices === undefined ? 'Every device' : `${count(devices)} ${devices === 1 ? 'device' : 'devices'}`}{' '}
        of {whose}: each that has no value of its own
        {version === undefined ? ', and whose version has no default,' : ''} gets it by a job. Back goes the
        same way only: set what it was before.
      </Text>
      {asks && devices !== undefined && (
        <TextInput
          label={`Type ${String(devices)} to confirm`}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          maw={260}
        />
      )}
    </EditDialog>
  );
};
