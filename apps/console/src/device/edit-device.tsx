import { Checkbox, Group, Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { Conflict } from '../shared/conflict.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { json } from '../shared/format.js';
import { sameJson } from '../shared/same-json.js';
import { useEdit, type Versioned } from '../shared/use-edit.js';
import { INTERFACES, Parent, PositionFields, positionIn, type PositionDraft } from './device-fields.js';
import { deviceQuery } from './device.queries.js';

type Device = Schema<'DeviceView'>;
type Edit = Schema<'DeviceEdit'>;

/** What is known of a device beside its configuration. Only what was changed is sent, upon what was seen when it was opened. */
export const EditDevice = ({
  device: now,
  etag: opened,
  onClose,
}: {
  readonly device: Device;
  readonly etag: string;
  readonly onClose: () => void;
}) => {
  // As it was seen: the page reads it anew while this is open, and what others change meanwhile is no change of one's own.
  const [device] = useState(now);
  const { id } = device;
  const queries = useQueryClient();
  const [name, setName] = useState(device.name);
  const [appVersion, setAppVersion] = useState(device.appVersion);
  const [via, setVia] = useState(device.interface);
  const [folder, setFolder] = useState(device.folder);
  const [tags, setTags] = useState([...device.tags]);
  const [serialNumber, setSerialNumber] = useState(device.serialNumber ?? '');
  const [place, setPlace] = useState<PositionDraft>(device.position ?? {});
  const [parentId, setParentId] = useState<string | null>(device.parentId ?? null);
  const [tokenOnly, setTokenOnly] = useState(device.tokenOnly ?? false);
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  const versions = types.find(({ id: typeId }) => typeId === device.deviceTypeId)?.appVersions ?? [];

  const position = positionIn(place);
  const halfPosition = position === undefined;
  const body: Edit = {
    ...(name === device.name ? {} : { name }),
    ...(appVersion === device.appVersion ? {} : { appVersion }),
    ...(via === device.interface ? {} : { interface: via }),
    ...(folder === device.folder ? {} : { folder }),
    ...(sameJson(tags, device.tags) ? {} : { tags }),
    ...(serialNumber === (device.serialNumber ?? '')
      ? {}
      : { serialNumber: serialNumber === '' ? null : serialNumber }),
    ...(position === undefined || same(position, device.position) ? {} : { position }),
    ...(parentId === (device.parentId ?? null) ? {} : { parentId }),
    ...(tokenOnly === (device.tokenOnly ?? false) ? {} : { tokenOnly }),
  };
  const { save, busy, theirs, error, problem } = useEdit({
    opened: { data: device, etag: opened },
    now: () => queries.query({ ...deviceQuery(id), staleTime: 0 }),
    send: (edit: Edit, { etag }: Versioned<Device>) =>
      answered(
        api.PATCH('/api/v1/devices/{id}', {
          params: { path: { id }, header: { 'If-Match': etag } },
          body: edit,
        }),
      ),
    onSaved: () => {
      void queries.invalidateQueries({ queryKey: ['device', id] });
      void queries.invalidateQueries({ queryKey: ['devices'] });
      onClose();
    },
  });
  return (
    <EditDialog
      title={`Edit ${device.name}`}
      isReady={!halfPosition && Object.keys(body).length > 0}
      busy={busy}
      error={error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict
            thing="Of the device"
            rows={conflictRows(shownOf(device), shownOf(theirs), { ...shownOf(device), ...shownOf(body) })}
            note="What you have not touched here stays as theirs."
          />
        )
      }
      onSave={() => save(body)}
      onClose={onClose}
    >
      <TextInput
        required
        label="Name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={faultAt(problem, 'name')}
      />
      <Group grow align="start">
        <Select
          label="Application version"
          data={[...new Set([device.appVersion, ...versions.map((version) => version.name)])]}
          value={appVersion}
          allowDeselect={false}
          onChange={(value) => value !== null && setAppVersion(value)}
          error={faultAt(problem, 'appVersion')}
        />
        <Select
          label="Speaks"
          data={INTERFACES}
          value={via}
          allowDeselect={false}
          onChange={(value) => value !== null && setVia(value)}
          error={faultAt(problem, 'interface')}
        />
      </Group>
      <Group grow align="start">
        <TextInput
          label="Folder"
          value={folder}
          onChange={(event) => setFolder(event.currentTarget.value)}
          error={faultAt(problem, 'folder')}
        />
        <TextInput
          label="Serial number"
          value={serialNumber}
          onChange={(event) => setSerialNumber(event.currentTarget.value)}
          error={faultAt(problem, 'serialNumber')}
        />
      </Group>
      <TagsInput label="Tags" value={tags} onChange={setTags} error={faultAt(problem, 'tags')} />
      <Parent id={id} parentId={parentId} onChange={setParentId} error={faultAt(problem, 'parentId')} />
      <PositionFields position={place} onChange={setPlace} problem={problem} />
      {via !== 'http' && (
        <Checkbox
          label="Its endpoint token alone lets it in"
          description="Without it, it must show a credential"
          checked={tokenOnly}
          onChange={(event) => setTokenOnly(event.currentTarget.checked)}
          error={faultAt(problem, 'tokenOnly')}
        />
      )}
    </EditDialog>
  );
};

const FIELDS = {
  name: 'name',
  appVersion: 'application version',
  interface: 'speaks',
  folder: 'folder',
  tags: 'tags',
  serialNumber: 'serial number',
  position: 'position',
  parentId: 'behind the device',
  tokenOnly: 'token alone lets it in',
} as const;

/** What there is of a device, or is to be changed of it, by its name for people. */
const shownOf = (of: Device | Edit): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (Object.keys(FIELDS) as (keyof typeof FIELDS)[])
      .filter((field) => of[field] !== undefined)
      .map((field) => [FIELDS[field], json(of[field])]),
  );

const same = (a: PositionDraft | null, b: PositionDraft | undefined): boolean =>
  a?.latitude === b?.latitude && a?.longitude === b?.longitude && a?.altitude === b?.altitude;
