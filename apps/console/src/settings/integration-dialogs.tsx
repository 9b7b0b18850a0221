import { Button, Group, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { DownloadIcon } from '@primer/octicons-react';
import { useEffect, useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActDialog } from '../shared/act-dialog.js';
import { CopyText, ShownOnce } from '../shared/shown-once.js';
import { TimeInput } from '../shared/time-input.js';
import { commandsOf } from './connect.js';
import type { IntegrationState } from './settings.queries.js';

type Access = Schema<'IntegrationAccess'>;

const SERVICES_HINT = 'As in configuration, commands. Empty: all, those of later versions too.';

export const CreateIntegration = ({ onClose }: { readonly onClose: () => void }) => {
  const [name, setName] = useState('');
  const [services, setServices] = useState<string[]>([]);
  const [from, setFrom] = useState<'now' | 'beginning' | 'time'>('now');
  const [at, setAt] = useState<string>();
  return (
    <ActDialog
      title="Add an integration"
      act="Add"
      refreshes={['integrations']}
      run={(key) =>
        answered(
          api.POST('/api/v1/integrations', {
            params: { header: { 'Idempotency-Key': key } },
            body: {
              name,
              from: from === 'time' ? (at ?? '') : from,
              ...(services.length === 0 ? {} : { services }),
            },
          }),
        )
      }
      answer={(access) => <Credentials access={access} onClose={onClose} />}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            data-autofocus
            required
            label="Name"
            description="Letters, digits, _ and -"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <TagsInput
            label="Reads the events of"
            description={SERVICES_HINT}
            value={services}
            onChange={setServices}
            error={faultAt(problem, 'services')}
          />
          <Group grow align="start">
            <Select
              label="Begins"
              data={[
                { value: 'now', label: 'now' },
                { value: 'beginning', label: 'with what the streams still hold' },
                { value: 'time', label: 'at a time' },
              ]}
              value={from}
              allowDeselect={false}
              onChange={(value) => value !== null && setFrom(value)}
              error={from === 'time' ? undefined : faultAt(problem, 'from')}
            />
            {from === 'time' && (
              <TimeInput label="Time" at={at} onChange={setAt} error={faultAt(problem, 'from')} />
            )}
          </Group>
        </>
      )}
    </ActDialog>
  );
};

/** A name, and whose events it replays: where each of the others stands stays. */
export const EditIntegration = ({
  integration,
  etag: now,
  onClose,
}: {
  readonly integration: IntegrationState;
  readonly etag: string;
  readonly onClose: () => void;
}) => {
  // As it was seen: the page reads it anew while this is open.
  const [{ id, name: was, services: before }] = useState(integration);
  const [etag] = useState(now);
  const [name, setName] = useState(was);
  const [services, setServices] = useState([...before]);
  return (
    <ActDialog
      title={`Edit ${was}`}
      act="Save"
      refreshes={['integrations']}
      run={() =>
        answered(
          api.PATCH('/api/v1/integrations/{id}', {
            params: { path: { id }, header: { 'If-Match': etag } },
            body: {
              ...(name === was ? {} : { name }),
              ...(services.join() === before.join()
                ? {}
                : { services: services.length === 0 ? null : services }),
            },
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <TagsInput
            label="Reads the events of"
            description={SERVICES_HINT}
            value={services}
            onChange={setServices}
            error={faultAt(problem, 'services')}
          />
          <Text c="dimmed">
            A service that is added begins now; one that is taken away is gone at once, with where it was.
          </Text>
        </>
      )}
    </ActDialog>
  );
};

export const RenewCredentials = ({
  integration: { id, name },
  onClose,
}: {
  readonly integration: IntegrationState;
  readonly onClose: () => void;
}) => (
  <ActDialog
    title={`New credentials for ${name}`}
    act="Revoke and issue"
    danger
    refreshes={['integrations']}
    run={(key) =>
      answered(
        api.POST('/api/v1/integrations/{id}/credentials', {
          params: { path: { id }, header: { 'Idempotency-Key': key } },
        }),
      )
    }
    answer={(access) => <Credentials access={access} onClose={onClose} />}
    onClose={onClose}
  >
    <Text>
      The credentials that are used now are cut off at once. Where it was in the events is kept: it goes on
      there with the new ones.
    </Text>
  </ActDialog>
);

/** The credentials, and all that a client needs beside them. */
const Credentials = ({ access, onClose }: { readonly access: Access; readonly onClose: () => void }) => {
  const { name, credentials } = access;
  return (
    <ShownOnce
      title={`How ${name} connects`}
      secrets={{ Credentials: credentials }}
      lost="Give it new credentials on its page."
      onClose={onClose}
    >
      {credentials !== undefined && (
        <Stack gap="sm">
          <Group gap="xs">
            <SaveFile name={`${name}.creds`} text={credentials} />
            <SaveFile name="integration.json" text={JSON.stringify(access, null, 2)} />
          </Group>
          <Text>
            With the command line of NATS, beside <code>{name}.creds</code>:
          </Text>
          {commandsOf(access).map(({ label, command }) => (
            <CopyText key={label} label={label} text={command} />
          ))}
          <Text c="dimmed">
            <code>integration.json</code> is all of it, as the example in docs/integrators.md takes it.
          </Text>
        </Stack>
      )}
    </ShownOnce>
  );
};

/** The address of the text is given back with the dialog: the browser keeps it no longer. */
const SaveFile = ({ name, text }: { readonly name: string; readonly text: string }) => {
  const [href, setHref] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
    setHref(made);
    return () => URL.revokeObjectURL(made);
  }, [text]);
  return (
    <Button
      variant="default"
      component="a"
      href={href}
      download={name}
      leftSection={<DownloadIcon size={14} />}
    >
      Save {name}
    </Button>
  );
};
