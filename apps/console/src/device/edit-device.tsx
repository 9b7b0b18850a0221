import { Checkbox, Group, Select, TagsInput, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt, problemOf } from '../api/problem.js';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { valueText } from '../devices/filter-text.js';
import { Confirm } from '../shared/confirm-count.js';
import { NumberField } from '../shared/number-field.js';
import { deviceQuery } from './device.queries.js';

type Device = Schema<'DeviceView'>;
type Edit = Schema<'DeviceEdit'>;

const INTERFACES = [
  { value: 'mqtt', label: 'MQTT' },
  { value: 'http', label: 'HTTP' },
  { value: 'iothub', label: 'IoT Hub' },
] as const;

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
  const [latitude, setLatitude] = useState<number | undefined>(device.position?.latitude);
  const [longitude, setLongitude] = useState<number | undefined>(device.position?.longitude);
  const [altitude, setAltitude] = useState<number | undefined>(device.position?.altitude);
  const [parentId, setParentId] = useState<string | null>(device.parentId ?? null);
  const [tokenOnly, setTokenOnly] = useState(device.tokenOnly ?? false);
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  const versions = types.find(({ id: typeId }) => typeId === device.deviceTypeId)?.appVersions ?? [];

  const position = positionOf(latitude, longitude, altitude);
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
      <Group grow align="start">
        <Coordinate
          label="Latitude"
          value={latitude}
          onChange={setLatitude}
          fault={halfPosition ? 'A position has both: latitude and longitude.' : faultAt(problem, 'position')}
        />
        <Coordinate label="Longitude" value={longitude} onChange={setLongitude} />
        <Coordinate label="Altitude (m)" value={altitude} onChange={setAltitude} />
      </Group>
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

type Position = NonNullable<Device['position']>;

/** Null: none. Undefined: half of one. */
const positionOf = (
  latitude: number | undefined,
  longitude: number | undefined,
  altitude: number | undefined,
): Position | null | undefined => {
  if (latitude === undefined && longitude === undefined && altitude === undefined) return null;
  if (latitude === undefined || longitude === undefined) return undefined;
  return { latitude, longitude, ...(altitude === undefined ? {} : { altitude }) };
};

const same = (a: Position | null, b: Position | undefined): boolean =>
  a?.latitude === b?.latitude && a?.longitude === b?.longitude && a?.altitude === b?.altitude;

const Coordinate = (props: {
  readonly label: string;
  readonly value: number | undefined;
  readonly onChange: (value: number | undefined) => void;
  readonly fault?: string | undefined;
}) => <NumberField {...props} whole={false} width="100%" hideControls />;

/** The device that this one is behind, found by the beginning of its name. */
const Parent = ({
  id,
  parentId,
  onChange,
  error,
}: {
  readonly id: string;
  readonly parentId: string | null;
  readonly onChange: (parentId: string | null) => void;
  readonly error: string | undefined;
}) => {
  const [text, setText] = useState('');
  const [typed] = useDebouncedValue(text.trim(), 150);
  const parent = useQuery({ ...deviceQuery(parentId ?? ''), enabled: parentId !== null }).data?.data;
  const found = useQuery({
    queryKey: ['devices', 'parents', typed],
    queryFn: ({ signal }) => {
      const beginning = valueText(typed);
      const pattern = beginning.startsWith('"') ? `${beginning.slice(0, -1)}*"` : `${beginning}*`;
      return answered(
        api.GET('/api/v1/devices', { params: { query: { filter: `name==${pattern}`, limit: 10 } }, signal }),
      );
    },
    enabled: typed !== '',
  }).data?.items;
  const known = [
    ...(parent === undefined ? [] : [parent]),
    ...(found ?? []).filter((one) => one.id !== parent?.id && one.id !== id),
  ];
  return (
    <Select
      searchable
      clearable
      label="Behind the device"
      description="As a sensor is behind its gateway"
      placeholder="none: it connects by itself"
      data={known.map((one) => ({ value: one.id, label: one.name }))}
      value={parentId}
      onChange={onChange}
      searchValue={text}
      onSearchChange={setText}
      nothingFoundMessage={typed === '' ? 'Type the beginning of its name' : 'No device begins with that'}
      error={error}
    />
  );
};
