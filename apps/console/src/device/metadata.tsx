import { Group, Text, TextInput } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { JsonInput, readJson } from '../shared/json-input.js';
import { Value } from '../shared/value.js';
import { Table } from '../shared/table.js';

type Device = Schema<'DeviceView'>;

/** What operators have noted of a device: keys and values that no device sees. */
export const Metadata = ({
  device: { id, metadata },
  etag,
}: {
  readonly device: Device;
  readonly etag: string;
}) => {
  const [editing, setEditing] = useState<{ readonly key: string; readonly etag: string }>();
  const [removing, setRemoving] = useState<string>();
  const known = Object.entries(metadata);
  return (
    <details className="metadata">
      <summary>
        {known.length} metadata {known.length === 1 ? 'key' : 'keys'}
      </summary>
      <div className="card">
        {known.length > 0 && (
          <Table>
            {known.map(([key, value]) => (
              <tr key={key}>
                <td className="anywhere">
                  <b>{key}</b>
                </td>
                <td className="value">
                  <Value name={key} of={value} />
                </td>
                <td className="right">
                  <Group gap={4} justify="flex-end" wrap="nowrap">
                    <ActButton
                      needs="device"
                      variant="default"
                      onClick={() => setEditing({ key, etag })}
                      aria-label={`Edit metadata ${key}`}
                    >
                      Edit
                    </ActButton>
                    <ActButton
                      needs="device"
                      variant="default"
                      onClick={() => setRemoving(key)}
                      aria-label={`Remove metadata ${key}`}
                    >
                      Remove
                    </ActButton>
                  </Group>
                </td>
              </tr>
            ))}
          </Table>
        )}
        <ActButton
          needs="device"
          mt="xs"
          variant="default"
          leftSection={<PlusIcon size={14} />}
          onClick={() => setEditing({ key: '', etag })}
        >
          Add metadata
        </ActButton>
      </div>
      {editing !== undefined && (
        <SetMetadata
          id={id}
          keyName={editing.key}
          was={metadata[editing.key]}
          etag={editing.etag}
          onClose={() => setEditing(undefined)}
        />
      )}
      {removing !== undefined && (
        <RemoveMetadata id={id} keyName={removing} onClose={() => setRemoving(undefined)} />
      )}
    </details>
  );
};

const SetMetadata = ({
  id,
  keyName,
  was,
  etag,
  onClose,
}: {
  readonly id: string;
  /** Empty: a new one. */
  readonly keyName: string;
  readonly was: unknown;
  readonly etag: string;
  readonly onClose: () => void;
}) => {
  const [key, setKey] = useState(keyName);
  const [text, setText] = useState(was === undefined ? '' : JSON.stringify(was, null, 2));
  const read = readJson(text);
  return (
    <ActDialog
      title={keyName === '' ? 'Add metadata' : `Metadata ${keyName}`}
      act="Set"
      refreshes={['device', id]}
      isReady={'value' in read && key.trim() !== ''}
      run={() =>
        answered(
          api.PUT('/api/v1/devices/{id}/metadata/{key}', {
            params: { path: { id, key }, header: { 'If-Match': etag } },
            // What is no JSON is not sent: it is not ready.
            body: 'value' in read ? read.value : null,
            // A text is JSON too, and openapi-fetch sends it as it is.
            bodySerializer: JSON.stringify,
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          {keyName === '' && (
            <TextInput
              data-autofocus
              required
              label="Key"
              value={key}
              onChange={(event) => setKey(event.currentTarget.value)}
              error={faultAt(problem, 'key')}
            />
          )}
          <JsonInput
            autoFocus={keyName !== ''}
            label="Value (JSON)"
            of={key}
            text={text}
            onChange={setText}
            fault={'fault' in read && text !== '' ? read.fault : faultAt(problem, 'value')}
          />
        </>
      )}
    </ActDialog>
  );
};

const RemoveMetadata = ({
  id,
  keyName,
  onClose,
}: {
  readonly id: string;
  readonly keyName: string;
  readonly onClose: () => void;
}) => (
  <ActDialog
    title={`Remove metadata ${keyName}`}
    act="Remove"
    refreshes={['device', id]}
    run={() =>
      answered(api.DELETE('/api/v1/devices/{id}/metadata/{key}', { params: { path: { id, key: keyName } } }))
    }
    onClose={onClose}
  >
    <Text>The key and its value are gone afterwards, and filters find the device by it no more.</Text>
  </ActDialog>
);
