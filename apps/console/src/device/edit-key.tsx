import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { faultAt } from '../api/problem.js';
import { Conflict, type ConflictRow } from '../shared/conflict.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { json } from '../shared/format.js';
import { readJson } from '../shared/json-input.js';
import { KeyAndJson } from '../shared/key-and-json.js';
import { useEdit, type Versioned } from '../shared/use-edit.js';
import { Value } from '../shared/value.js';
import { ActorName } from '../shared/actor.js';
import { Moment } from '../shared/moment.js';
import { changedBetween } from './change.js';
import { configurationQuery, type Configuration } from './device.queries.js';
import { useChange } from './use-change.js';

/**
 * A new value for a key, or a new key. What was looked at when it was opened is what the change is made upon: if somebody
 * changes the device meanwhile, that is shown beside one's own, which is not lost.
 */
export const EditKey = ({
  id,
  opened,
  keyName,
  proposed,
  onClose,
}: {
  readonly id: string;
  readonly opened: Versioned<Configuration>;
  /** Empty: a new one. */
  readonly keyName: string;
  /** What to begin with, where it is not the value in effect. */
  readonly proposed?: unknown;
  readonly onClose: () => void;
}) => {
  const queries = useQueryClient();
  const [name, setName] = useState(keyName);
  const was = opened.data.keys[keyName];
  const [text, setText] = useState(() => {
    const begin = proposed ?? was?.desired;
    return begin === undefined ? '' : JSON.stringify(begin, null, 2);
  });
  const { make } = useChange(id);
  const { save, busy, theirs, error, problem } = useEdit({
    opened,
    now: () => queries.query({ ...configurationQuery(id), staleTime: 0 }),
    send: make,
    onSaved: onClose,
  });
  const key = name.trim();
  const read = readJson(text);

  return (
    <EditDialog
      title={keyName === '' ? 'Set a key' : `Set ${keyName}`}
      act="Set"
      isReady={'value' in read && read.value !== null && key !== ''}
      busy={busy}
      error={error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict
            thing="Key"
            keyOf={(row) => row}
            rows={conflictRows({ opened: opened.data, theirs, keyName: key, mine: text })}
            note={
              changedBetween(opened.data, theirs).includes(key)
                ? undefined
                : `${key} is as it was when you began; other keys were changed.`
            }
          />
        )
      }
      besides={
        was?.origin === 'device' && (
          <Button
            variant="default"
            onClick={() => save({ key: keyName, kind: 'withdraw' })}
            title="The default of its type holds again, or the key goes away"
          >
            Take the own value away
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
            ? 'null cannot be a value. Take the own value away instead.'
            : faultAt(problem, key)
        }
      />
    </EditDialog>
  );
};

const conflictRows = ({
  opened,
  theirs,
  keyName,
  mine,
}: {
  readonly opened: Configuration;
  readonly theirs: Configuration;
  readonly keyName: string;
  readonly mine: string;
}): readonly ConflictRow[] =>
  [...new Set([keyName, ...changedBetween(opened, theirs)])].map((key) => ({
    name: key,
    was: json(opened.keys[key]?.desired),
    theirs: (
      <>
        <Value name={key} of={theirs.keys[key]?.desired} />
        <div className="dim">
          <ActorName actor={theirs.keys[key]?.desiredBy} />,{' '}
          <Moment at={theirs.keys[key]?.desiredAt} fallback="" />
        </div>
      </>
    ),
    yours: key === keyName ? mine : 'as theirs',
  }));
