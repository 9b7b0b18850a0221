import { Text, TextInput } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { valueText } from '../devices/filter-text.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Section } from '../shared/page.js';
import type { Versioned } from '../shared/use-edit.js';
import type { DeviceType } from './types.queries.js';
import { ActsHead, Table } from '../shared/table.js';

/** The versions of the application that devices of a type run; a new device has the newest. */
export const AppVersions = ({
  read,
  devicesOf,
}: {
  readonly read: Versioned<DeviceType>;
  readonly devicesOf: (version: string) => number | undefined;
}) => {
  const { id, appVersions } = read.data;
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<{ readonly name: string; readonly etag: string }>();
  return (
    <Section
      title="Application versions"
      actions={
        <ActButton
          needs="device-type"
          variant="default"
          leftSection={<PlusIcon size={14} />}
          onClick={() => setAdding(true)}
        >
          Add a version
        </ActButton>
      }
    >
      {appVersions.length === 0 ? (
        <Text c="dimmed">It has none, so no device of it can be made.</Text>
      ) : (
        <Table
          head={
            <>
              <th>Version</th>
              <th className="right">Devices</th>
              <ActsHead />
            </>
          }
        >
          {appVersions.map(({ id: versionId, name }) => {
            const devices = devicesOf(name);
            return (
              <tr key={versionId}>
                <td className="anywhere">{name}</td>
                <td className="right">
                  <AnchorLink
                    to="/devices"
                    search={{ filter: `appVersion==${valueText(name)}` }}
                    title={`Devices with ${name}`}
                  >
                    {devices === undefined ? '…' : count(devices)}
                  </AnchorLink>
                </td>
                <td className="right">
                  <ActButton
                    needs="device-type"
                    variant="default"
                    disabled={devices !== 0}
                    title={devices === undefined || devices === 0 ? undefined : 'Devices have it'}
                    aria-label={`Take away ${name} …`}
                    onClick={() => setRemoving({ name, etag: read.etag })}
                  >
                    Take away …
                  </ActButton>
                </td>
              </tr>
            );
          })}
        </Table>
      )}
      {adding && <AddVersion typeId={id} onClose={() => setAdding(false)} />}
      {removing !== undefined && (
        <RemoveVersion typeId={id} {...removing} onClose={() => setRemoving(undefined)} />
      )}
    </Section>
  );
};

const AddVersion = ({ typeId, onClose }: { readonly typeId: string; readonly onClose: () => void }) => {
  const [name, setName] = useState('');
  return (
    <ActDialog
      title="Add an application version"
      act="Add"
      refreshes={['device-types']}
      run={(key) =>
        answered(
          api.POST('/api/v1/device-types/{id}/app-versions', {
            params: { path: { id: typeId }, header: { 'Idempotency-Key': key } },
            body: { name },
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <TextInput
          data-autofocus
          required
          label="Name"
          description="A level of every topic, so unique in the whole platform: letters, digits, _ and -."
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={faultAt(problem, 'name')}
        />
      )}
    </ActDialog>
  );
};

const RemoveVersion = ({
  typeId,
  name,
  etag,
  onClose,
}: {
  readonly typeId: string;
  readonly name: string;
  readonly etag: string;
  readonly onClose: () => void;
}) => (
  <ActDialog
    title={`Take ${name} away`}
    act="Take it away"
    danger
    refreshes={['device-types']}
    run={() =>
      answered(
        api.DELETE('/api/v1/device-types/{id}/app-versions/{name}', {
          params: { path: { id: typeId, name }, header: { 'If-Match': etag } },
        }),
      )
    }
    onClose={onClose}
  >
    <Text>No device can be given it any more.</Text>
  </ActDialog>
);
