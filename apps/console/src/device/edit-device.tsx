import { Checkbox, Group, Select, TagsInput, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt, problemOf } from '../api/problem.js';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { Confirm } from '../shared/confirm-count.js';
import { INTERFACES, Parent, PositionFields, positionIn, type PositionDraft } from './device-fields.js';
import { deviceQuery } from './device.queries.js';

type Device = Schema<'DeviceView'>;
type Edit = Schema<'DeviceEdit'>;

/**
 * What is known of a device beside its configuration. Only what was changed is sent, upon what was seen when it was opened:
 * when somebody else was faster, nothing is saved, and the next try is upon theirs.
 */
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
  const [etag, setEtag] = useState(opened);
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
  const edit = useMutation({
    mutationFn: () => {
      const body: Edit = {
        ...(name === device.name ? {} : { name }),
        ...(appVersion === device.appVersion ? {} : { appVersion }),
        ...(via === device.interface ? {} : { interface: via }),
        ...(folder === device.folder ? {} : { folder }),
        ...(tags.join() === device.tags.join() ? {} : { tags }),
        ...(serialNumber === (device.serialNumber ?? '')
          ? {}
          : { serialNumber: serialNumber === '' ? null : serialNumber }),
        ...(position === undefined || same(position, device.position) ? {} : { position }),
        ...(parentId === (device.parentId ?? null) ? {} : { parentId }),
        ...(tokenOnly === (device.tokenOnly ?? false) ? {} : { tokenOnly }),
      };
      return answered(
        api.PATCH('/api/v1/devices/{id}', { params: { path: { id }, header: { 'If-Match': etag } }, body }),
      );
    },
    onSuccess: onClose,
    onError: async (error) => {
      if (problemOf(error).status === 412) {
        const theirs = await queries.query({ ...deviceQuery(id), staleTime: 0 });
        setEtag(theirs.etag);
      }
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['device', id] });
      void queries.invalidateQueries({ queryKey: ['devices'] });
    },
  });
  const problem = edit.isError ? problemOf(edit.error) : undefined;
  const conflict = problem?.status === 412;
  return (
    <Confirm
      title={`Edit ${device.name}`}
      act={conflict ? 'Save mine over it' : 'Save'}
      busy={edit.isPending}
      error={conflict ? undefined : edit.error}
      onClose={onClose}
      onConfirm={() => !halfPosition && edit.mutate()}
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
      {conflict && (
        <Text role="alert" className="state-bad">
          Somebody was faster: the device was changed after you opened this. Nothing of yours is saved yet.
          What you have not touched here stays as theirs.
        </Text>
      )}
    </Confirm>
  );
};

const same = (a: PositionDraft | null, b: PositionDraft | undefined): boolean =>
  a?.latitude === b?.latitude && a?.longitude === b?.longitude && a?.altitude === b?.altitude;
