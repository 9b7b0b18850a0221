import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { answered, api, withEtag, type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf, type Problem } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { Conflict } from '../shared/conflict.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { useEdit, type Versioned } from '../shared/use-edit.js';
import { firmwareTypeQuery, firmwareTypesQuery, type FirmwareType } from './types.queries.js';

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
            <div className="table-scroll">
              <table className="table">
                <thead>
                  <tr>
                    <th>Firmware type</th>
                    <th className="wide">Version</th>
                    <th className="wide">Address</th>
                    <th className="wide">Token</th>
                    <th>
                      <span className="visually-hidden">Acts</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
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
                </tbody>
              </table>
            </div>
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

const FirmwareTypeForm = ({
  title,
  value,
  onChange,
  problem,
  onSubmit,
  onClose,
  children,
}: {
  readonly title: string;
  readonly value: Input;
  readonly onChange: (value: Input) => void;
  readonly problem: Problem | undefined;
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  /** What was refused, and the buttons. */
  readonly children: ReactNode;
}) => (
  <Modal opened onClose={onClose} title={title} size="lg">
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <Stack gap="sm">
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
        {children}
      </Stack>
    </form>
  </Modal>
);

const Create = ({ typeId, onClose }: { readonly typeId: string; readonly onClose: () => void }) => {
  const queries = useQueryClient();
  const [value, setValue] = useState(NEW);
  const once = useIdempotencyKey();
  const create = useMutation({
    mutationFn: () =>
      once((key) =>
        answered(
          api.POST('/api/v1/device-types/{id}/firmware-types', {
            params: { path: { id: typeId }, header: { 'Idempotency-Key': key } },
            body: value,
          }),
        ),
      ),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['firmware-types'] });
      onClose();
    },
  });
  return (
    <FirmwareTypeForm
      title="Create a firmware type"
      value={value}
      onChange={setValue}
      problem={create.isError ? problemOf(create.error) : undefined}
      onSubmit={() => create.mutate()}
      onClose={onClose}
    >
      <ProblemView error={create.error} />
      <Button type="submit" loading={create.isPending}>
        Create
      </Button>
    </FirmwareTypeForm>
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
  const edit = Object.fromEntries(
    FIELDS.filter(({ name }) => value[name] !== before[name]).map(({ name }) => [name, value[name]]),
  );
  return (
    <FirmwareTypeForm
      title={`Change ${opened.data.name}`}
      value={value}
      onChange={setValue}
      problem={problem}
      onSubmit={() => save(edit)}
      onClose={onClose}
    >
      {theirs !== undefined && (
        <Conflict thing="Field" rows={conflictRows({ ...before }, { ...inputOf(theirs) }, { ...value })} />
      )}
      <ProblemView error={error} />
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onClose}>
          {theirs === undefined ? 'Cancel' : 'Leave theirs'}
        </Button>
        <Button type="submit" loading={busy} disabled={Object.keys(edit).length === 0}>
          {theirs === undefined ? 'Save' : 'Save mine over it'}
        </Button>
      </Group>
    </FirmwareTypeForm>
  );
};

const Delete = ({
  firmwareType: { id: firmwareTypeId, deviceTypeId: id, name, revision },
  onClose,
}: {
  readonly firmwareType: FirmwareType;
  readonly onClose: () => void;
}) => {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () =>
      answered(
        api.DELETE('/api/v1/device-types/{id}/firmware-types/{firmwareTypeId}', {
          params: { path: { id, firmwareTypeId }, header: { 'If-Match': `"${revision}"` } },
        }),
      ),
    onSuccess: onClose,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['firmware-types'] }),
  });
  return (
    <Confirm
      title={`Delete ${name}`}
      act="Delete"
      danger
      toType={name}
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate()}
    >
      <Text>Devices are offered nothing of it any more. This cannot be undone.</Text>
    </Confirm>
  );
};
