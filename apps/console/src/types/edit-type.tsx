import { Textarea, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, withEtag } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { Conflict } from '../shared/conflict.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { useEdit, type Versioned } from '../shared/use-edit.js';
import { withValue } from '../shared/with-value.js';
import { SettingFields } from './setting-fields.js';
import { draftOf, editOf, namedValues, type TypeEdit } from './type-settings.js';
import { typeQuery, type DeviceType } from './types.queries.js';

/** Name, description and settings of a type. */
export const EditType = ({
  opened,
  onClose,
}: {
  readonly opened: Versioned<DeviceType>;
  readonly onClose: () => void;
}) => {
  const { id } = opened.data;
  const queries = useQueryClient();
  const before = draftOf(opened.data);
  const [draft, setDraft] = useState(before);
  const { save, busy, theirs, error, problem } = useEdit({
    opened,
    now: () => queries.query({ ...typeQuery(id), staleTime: 0 }),
    send: (edit: TypeEdit, { etag }) =>
      withEtag(
        api.PATCH('/api/v1/device-types/{id}', {
          params: { path: { id }, header: { 'If-Match': etag } },
          body: edit,
        }),
      ),
    onSaved: () => {
      void queries.invalidateQueries({ queryKey: ['device-types'] });
      onClose();
    },
  });
  const edit = editOf(before, draft);
  return (
    <EditDialog
      title={`Change ${opened.data.name}`}
      isReady={Object.keys(edit).length > 0}
      busy={busy}
      error={error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict
            thing="Field"
            rows={conflictRows(namedValues(before), namedValues(draftOf(theirs)), namedValues(draft))}
          />
        )
      }
      onSave={() => save(edit)}
      onClose={onClose}
    >
      <TextInput
        data-autofocus
        required
        label="Name"
        description="Filters and addresses that have the old name do not follow."
        value={draft.name}
        onChange={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
        error={faultAt(problem, 'name')}
      />
      <Textarea
        label="Description"
        autosize
        value={draft.description ?? ''}
        onChange={({ currentTarget: { value } }) =>
          setDraft((now) => withValue(now, 'description', value === '' ? undefined : value))
        }
        error={faultAt(problem, 'description')}
      />
      <SettingFields
        settings={draft.settings}
        onChange={(settings) => setDraft((now) => ({ ...now, settings }))}
        problem={problem}
      />
    </EditDialog>
  );
};
