import { Button, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { faultAt, problemOf } from '../api/problem.js';
import { Conflict, type ConflictRow } from '../shared/conflict.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { json } from '../shared/format.js';
import { JsonInput, readJson } from '../shared/json-input.js';
import { Value } from '../shared/value.js';
import { ActorName } from '../shared/actor.js';
import { Moment } from '../shared/moment.js';
import { changedBetween, type Change } from './change.js';
import { configurationQuery } from './device.queries.js';
import { useChange, type Upon } from './use-change.js';

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
  readonly opened: Upon;
  /** Empty: a new one. */
  readonly keyName: string;
  /** What to begin with, where it is not the value in effect. */
  readonly proposed?: unknown;
  readonly onClose: () => void;
}) => {
  const queries = useQueryClient();
  const [upon, setUpon] = useState(opened);
  const [name, setName] = useState(keyName);
  const was = opened.data.keys[keyName];
  const [text, setText] = useState(() => {
    const begin = proposed ?? was?.desired;
    return begin === undefined ? '' : JSON.stringify(begin, null, 2);
  });
  const [theirs, setTheirs] = useState<Upon>();
  const { mutation, make } = useChange(id);
  const read = readJson(text);
  const problem = mutation.isError ? problemOf(mutation.error) : undefined;

  const send = async (change: Change) => {
    try {
      await make(change, upon);
      onClose();
    } catch (error) {
      if (problemOf(error).status !== 412) return; // shown by the mutation
      const now = await queries.query({ ...configurationQuery(id), staleTime: 0 });
      setTheirs(now);
      setUpon(now);
    }
  };
  const save = () => {
    if (!('value' in read)) return;
    void send({
      key: name.trim(),
      kind: 'set',
      value: read.value,
    });
  };

  return (
    <EditDialog
      title={keyName === '' ? 'Set a key' : `Set ${keyName}`}
      act="Set"
      isReady={'value' in read && read.value !== null && name.trim() !== ''}
      busy={mutation.isPending}
      error={problem?.status === 412 ? undefined : mutation.error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict
            thing="Key"
            keyOf={(key) => key}
            rows={conflictRows({ opened, theirs, keyName, mine: text })}
            note={
              changedBetween(opened.data, theirs.data).includes(keyName)
                ? undefined
                : `${keyName} is as it was when you began; other keys were changed.`
            }
          />
        )
      }
      besides={
        was?.origin === 'device' && (
          <Button
            variant="default"
            onClick={() => void send({ key: keyName, kind: 'withdraw' })}
            title="The default of its type holds again, or the key goes away"
          >
            Take the own value away
          </Button>
        )
      }
      onSave={save}
      onClose={onClose}
    >
      {keyName === '' && (
        <TextInput
          data-autofocus
          required
          label="Key"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
      )}
      <JsonInput
        autoFocus={keyName !== ''}
        label="Value (JSON)"
        of={name}
        text={text}
        onChange={setText}
        fault={
          'value' in read && read.value === null
            ? 'null cannot be a value. Take the own value away instead.'
            : faultAt(problem, name)
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
  readonly opened: Upon;
  readonly theirs: Upon;
  readonly keyName: string;
  readonly mine: string;
}): readonly ConflictRow[] =>
  [...new Set([keyName, ...changedBetween(opened.data, theirs.data)])].map((key) => ({
    name: key,
    was: json(opened.data.keys[key]?.desired),
    theirs: (
      <>
        <Value name={key} of={theirs.data.keys[key]?.desired} />
        <div className="dim">
          <ActorName actor={theirs.data.keys[key]?.desiredBy} />,{' '}
          <Moment at={theirs.data.keys[key]?.desiredAt} fallback="" />
        </div>
      </>
    ),
    yours: key === keyName ? mine : 'as theirs',
  }));
