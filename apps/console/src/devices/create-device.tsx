import { Group, Select, TagsInput, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import {
  INTERFACES,
  Parent,
  PositionFields,
  positionIn,
  type PositionDraft,
} from '../device/device-fields.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { JsonInput } from '../shared/json-input.js';
import { mapIn } from '../shared/json-map.js';
import { ShownOnce } from '../shared/shown-once.js';
import { deviceTypesQuery } from './devices.queries.js';

type Via = Schema<'DeviceView'>['interface'];

export const CreateDevice = ({ onClose }: { readonly onClose: () => void }) => {
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  const [name, setName] = useState('');
  const [deviceType, setDeviceType] = useState<string | null>(null);
  const [appVersion, setAppVersion] = useState<string | null>(null);
  const [via, setVia] = useState<Via>('mqtt');
  const [token, setToken] = useState('');
  const [folder, setFolder] = useState('');
  const [tags, setTags] = useState<string[]>([]);
  const [serialNumber, setSerialNumber] = useState('');
  const [parentId, setParentId] = useState<string | null>(null);
  const [place, setPlace] = useState<PositionDraft>({});
  const [metadata, setMetadata] = useState('');
  const position = positionIn(place);
  const noted = mapIn(metadata);
  return (
    <ActDialog
      title="Create a device"
      act="Create"
      refreshes={['devices']}
      isReady={position !== undefined && noted.fault === undefined}
      run={(key) =>
        answered(
          api.POST('/api/v1/devices', {
            body: {
              name,
              deviceType: deviceType ?? '',
              interface: via,
              ...(appVersion === null ? {} : { appVersion }),
              ...(token === '' ? {} : { token }),
              ...(folder === '' ? {} : { folder }),
              ...(tags.length === 0 ? {} : { tags }),
              ...(serialNumber === '' ? {} : { serialNumber }),
              ...(parentId === null ? {} : { parentId }),
              ...(position == null ? {} : { position }),
              ...(metadata.trim() === '' ? {} : { metadata: noted.map ?? {} }),
            },
            params: { header: { 'Idempotency-Key': key } },
          }),
        )
      }
      answer={(device) => <Created device={device} onClose={onClose} />}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            data-autofocus
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <Select
            required
            searchable
            label="Device type"
            data={types.map((type) => type.name)}
            value={deviceType}
            onChange={(value) => {
              setDeviceType(value);
              setAppVersion(null);
            }}
            error={faultAt(problem, 'deviceType')}
            nothingFoundMessage="No such type"
          />
          <Group grow>
            <Select
              clearable
              label="Application version"
              placeholder="the newest"
              data={
                types.find((type) => type.name === deviceType)?.appVersions.map((version) => version.name) ??
                []
              }
              value={appVersion}
              onChange={setAppVersion}
              error={faultAt(problem, 'appVersion')}
            />
            <Select
              label="Speaks"
              data={INTERFACES}
              value={via}
              onChange={(value) => value !== null && setVia(value)}
              allowDeselect={false}
              error={faultAt(problem, 'interface')}
            />
          </Group>
          <TextInput
            label="Endpoint token"
            description={
              via === 'iothub'
                ? 'Its id in the hub; one that is there already is taken over. Empty: the platform makes one'
                : 'Empty: the platform makes one'
            }
            value={token}
            onChange={(event) => setToken(event.currentTarget.value)}
            error={faultAt(problem, 'token')}
            autoComplete="off"
          />
          <Group grow align="start">
            <TextInput
              label="Folder"
              placeholder="/paris/building-2"
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
          <Parent parentId={parentId} onChange={setParentId} error={faultAt(problem, 'parentId')} />
          <PositionFields position={place} onChange={setPlace} problem={problem} />
          <JsonInput
            label="Metadata, as an object of key and value (may be left empty)"
            text={metadata}
            onChange={setMetadata}
            fault={metadata.trim() === '' ? undefined : (noted.fault ?? faultAt(problem, 'metadata'))}
          />
        </>
      )}
    </ActDialog>
  );
};

const Created = ({
  device: { id, name, token, credential, interface: via },
  onClose,
}: {
  readonly device: Schema<'ProvisionedDevice'>;
  readonly onClose: () => void;
}) => (
  <ShownOnce
    title={`${name} is there`}
    secrets={{
      'Endpoint token': token,
      Username: credential.username,
      Password: credential.password,
      Secret: credential.secret,
    }}
    lost="Issue another credential on the device’s tab Connectivity."
    onClose={onClose}
  >
    {via === 'iothub' && (
      <Text>
        Its identity is made in its hub now. What it connects with is on its tab Connectivity, as soon as it
        is there.
      </Text>
    )}
    <Group justify="flex-end">
      <AnchorLink
        to="/devices/$id/$tab"
        params={{ id, tab: via === 'iothub' ? 'connectivity' : 'configuration' }}
      >
        Open the device
      </AnchorLink>
    </Group>
  </ShownOnce>
);
