import { Group, Text, TextInput } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, withEtag, type Schema } from '../api/client.js';
import { faultAt, type Problem } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { changedOnly } from '../shared/changed-only.js';
import { Conflict } from '../shared/conflict.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { useEdit, type Versioned } from '../shared/use-edit.js';
import { firmwareTypeQuery, firmwareTypesQuery, type FirmwareType } from './types.queries.js';
import { ActsHead, Table } from '../shared/table.js';

type Input = Schema<'FirmwareTypeInput'>;

const FIELDS = [
  { name: 'name', label: 'Name', says: 'Letters, digits, _ and -.' },
  {
    name: 'versionKey',
    label: 'Key of the version',
    says: 'By it the device is told and reports its version.',
  },
  { name: 'urlKey', label: 'Key of the address', says: 'By it the device is told where the file is.' },
  { name: 'tokenKey', label: 'Key of the token', says: 'By it the device is told what opens the file.' },
] as const;

const NEW: Input = {
  name: '',
  versionKey: 'firmware_version',
  urlKey: 'firmware_url',
  tokenKey: 'firmware_token',
};

const inputOf = ({ name, versionKey, urlKey, tokenKey }: Input): Input => ({
  name,
  versionKey,
  urlKey,
  tokenKey,
});

/** The kinds of software that devices of a type run, and by which keys it is offered to them. */
export const FirmwareTypes = ({ typeId }: { readonly typeId: string }) => {
  const firmwareTypes = useQuery(firmwareTypesQuery(typeId));
  const [creating, setCreating] = useState(false);
  const [editing, setEditing] = useState<FirmwareType>();
  const [deleting, setDeleting] = useState<FirmwareType>();
  return (
    <Section
      title="Firmware types"
      actions={
        <ActButton
          needs="firmware"
          variant="default"
          leftSection={<PlusIcon size={14} />}
          onClick={() => setCreating(true)}
        >
          Create a firmware type
        </ActButton>
      }
    >
      <Loaded query={firmwareTypes} rows={2}>
        {({ items }) =>
          items.length === 0 ? (
            <Nothing why="Devices of this type are offered no software: a firmware is of a firmware type.">
              <ActButton needs="firmware" onClick={() => setCreating(true)}>
                Create the first one
              </ActButton>
            </Nothing>
          ) : (
            <Table
              head={
                <>
                  <th>Firmware type</th>
                  <th className="wide">Version</th>
                  <th className="wide">Address</th>
                  <th className="wide">Token</th>
                  <ActsHead />
                </>
              }
            >
              {items.map((one) => (
                <tr key={one.id}>
                  <td className="anywhere">
                    {one.name}
                    {one.isDefault && (
                      <div
                        className="dim"
                        title="Its topic has no name, and a filter calls it software.default"
                      >
                        the default
                      </div>
                    )}
                  </td>
                  <td className="value wide">{one.versionKey}</td>
                  <td className="value wide">{one.urlKey}</td>
                  <td className="value wide">{one.tokenKey}</td>
                  <td>
                    <Group gap={4} justify="flex-end">
                      <ActButton
                        needs="firmware"
                        variant="default"
                        aria-label={`Change ${one.name} …`}
                        onClick={() => setEditing(one)}
                      >
                        Change …
                      </ActButton>
                      <ActButton
                        needs="firmware"
                        variant="default"
                        aria-label={`Delete ${one.name} …`}
                        onClick={() => setDeleting(one)}
                      >
                        Delete …
                      </ActButton>
                    </Group>
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      <Text mt="xs" c="dimmed">
        The firmwares themselves are in the <AnchorLink to="/firmware">library</AnchorLink>.
      </Text>
      {creating && <Create typeId={typeId} onClose={() => setCreating(false)} />}
      {editing !== undefined && (
        <Edit
          opened={{ data: editing, etag: `"${editing.revision}"` }}
          onClose={() => setEditing(undefined)}
        />
      )}
      {deleting !== undefined && <Delete firmwareType={deleting} onClose={() => setDeleting(undefined)} />}
    </Section>
  );
};

const Fields = ({
  value,
  onChange,
  problem,
}: {
  readonly value: Input;
  readonly onChange: (value: Input) => void;
  readonly problem: Problem | undefined;
}) => (
  <>
    {FIELDS.map(({ name, label, says }, nth) => (
      <TextInput
        key={name}
        {...(nth === 0 ? { 'data-autofocus': true } : {})}
        required
        label={label}
        description={says}
        value={value[name]}
        onChange={(event) => onChange({ ...value, [name]: event.currentTarget.value })}
        error={faultAt(problem, name)}
      />
    ))}
  </>
);

const Create = ({ typeId, onClose }: { readonly typeId: string; readonly onClose: () => void }) => {
  const [value, setValue] = useState(NEW);
  return (
    <ActDialog
      title="Create a firmware type"
      act="Create"
      refreshes={['firmware-types']}
      run={(key) =>
        answered(
          api.POST('/api/v1/device-types/{id}/firmware-types', {
            params: { path: { id: typeId }, header: { 'Idempotency-Key': key } },
            body: value,
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => <Fields value={value} onChange={setValue} problem={problem} />}
    </ActDialog>
  );
};

const Edit = ({
  opened,
  onClose,
}: {
  readonly opened: Versioned<FirmwareType>;
  readonly onClose: () => void;
}) => {
  const { id: firmwareTypeId, deviceTypeId: id } = opened.data;
  const queries = useQueryClient();
  const before = inputOf(opened.data);
  const [value, setValue] = useState(before);
  const { save, busy, theirs, error, problem } = useEdit({
    opened,
    now: () => queries.query({ ...firmwareTypeQuery(id, firmwareTypeId), staleTime: 0 }),
    send: (edit: Schema<'FirmwareTypeEdit'>, { etag }: Versioned<FirmwareType>) =>
      withEtag(
        api.PATCH('/api/v1/device-types/{id}/firmware-types/{firmwareTypeId}', {
          params: { path: { id, firmwareTypeId }, header: { 'If-Match': etag } },
          body: edit,
        }),
      ),
    onSaved: () => {
      void queries.invalidateQueries({ queryKey: ['firmware-types'] });
      onClose();
    },
  });
  const edit = changedOnly(value, before);
  return (
    <EditDialog
      title={`Change ${opened.data.name}`}
      isReady={Object.keys(edit).length > 0}
      busy={busy}
      error={error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict thing="Field" rows={conflictRows({ ...before }, { ...inputOf(theirs) }, { ...value })} />
        )
      }
      onSave={() => save(edit)}
      onClose={onClose}
    >
      <Fields value={value} onChange={setValue} problem={problem} />
    </EditDialog>
  );
};

const Delete = ({
  firmwareType: { id: firmwareTypeId, deviceTypeId: id, name, revision },
  onClose,
}: {
  readonly firmwareType: FirmwareType;
  readonly onClose: () => void;
}) => (
  <ActDialog
    title={`Delete ${name}`}
    act="Delete"
    danger
    toType={name}
    refreshes={['firmware-types']}
    run={() =>
      answered(
        api.DELETE('/api/v1/device-types/{id}/firmware-types/{firmwareTypeId}', {
          params: { path: { id, firmwareTypeId }, header: { 'If-Match': `"${revision}"` } },
        }),
      )
    }
    onClose={onClose}
  >
    <Text>Devices are offered nothing of it any more. This cannot be undone.</Text>
  </ActDialog>
);
