import { Button, Group, Modal, Select, Stack, TagsInput, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf } from '../api/problem.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { ProblemView } from '../shared/problem-view.js';
import { ShownOnce } from '../shared/shown-once.js';
import { deviceTypesQuery } from './devices.queries.js';

type Via = Schema<'DeviceView'>['interface'];

export const CreateDevice = ({ onClose }: { readonly onClose: () => void }) => {
  const queries = useQueryClient();
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  const [name, setName] = useState('');
  const [deviceType, setDeviceType] = useState<string | null>(null);
  const [appVersion, setAppVersion] = useState<string | null>(null);
  const [via, setVia] = useState<Via>('mqtt');
  const [folder, setFolder] = useState('');
  const [tags, setTags] = useState<string[]>([]);
  const once = useIdempotencyKey();
  const create = useMutation({
    mutationFn: () =>
      once((key) =>
        answered(
          api.POST('/api/v1/devices', {
            body: {
              name,
              deviceType: deviceType ?? '',
              interface: via,
              ...(appVersion === null ? {} : { appVersion }),
              ...(folder === '' ? {} : { folder }),
              ...(tags.length === 0 ? {} : { tags }),
            },
            params: { header: { 'Idempotency-Key': key } },
          }),
        ),
      ),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['devices'] }),
  });
  const problem = create.isError ? problemOf(create.error) : undefined;
  if (create.data !== undefined) return <Created device={create.data} onClose={onClose} />;
  return (
    <Modal opened onClose={onClose} title="Create a device">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Stack gap="sm">
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
              data={[
                { value: 'mqtt', label: 'MQTT' },
                { value: 'http', label: 'HTTP' },
              ]}
              value={via}
              onChange={(value) => setVia(value === 'http' ? 'http' : 'mqtt')}
              allowDeselect={false}
            />
          </Group>
          <TextInput
            label="Folder"
            placeholder="/paris/building-2"
            value={folder}
            onChange={(event) => setFolder(event.currentTarget.value)}
            error={faultAt(problem, 'folder')}
          />
          <TagsInput label="Tags" value={tags} onChange={setTags} error={faultAt(problem, 'tags')} />
          <ProblemView error={create.error} />
          <Button type="submit" loading={create.isPending}>
            Create
          </Button>
        </Stack>
      </form>
    </Modal>
  );
};

const Created = ({
  device: { id, name, token, credential },
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
    <Group justify="flex-end">
      <AnchorLink to="/devices/$id/$tab" params={{ id, tab: 'configuration' }}>
        Open the device
      </AnchorLink>
    </Group>
  </ShownOnce>
);
