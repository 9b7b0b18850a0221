import { Group, Select, Text } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { usePolling } from '../api/live.js';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { valueText } from '../devices/filter-text.js';
import { JobProgress } from '../jobs/job-progress.js';
import { ActButton } from '../shared/act-button.js';
import { count, json } from '../shared/format.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { Value } from '../shared/value.js';
import type { Versioned } from '../shared/use-edit.js';
import { defaultsOf, keysOf } from './configuration-values.js';
import { EditDefault } from './edit-default.js';
import { EditRules, LIMITS } from './edit-rules.js';
import { EditSchema } from './edit-schema.js';
import { typeConfigurationQuery, type DeviceType, type TypeConfiguration } from './types.queries.js';
import { ActsHead, Table } from '../shared/table.js';

type Open = { readonly upon: Versioned<TypeConfiguration> } & (
  { readonly what: 'rules' } | { readonly what: 'schema' | 'default'; readonly key: string }
);

/** The keys of a type: what their values must be, and what they are where nobody has said otherwise. */
export const TypeConfigurationSection = ({
  type,
  devices,
  version,
  onVersion,
}: {
  readonly type: DeviceType;
  readonly devices: number | undefined;
  /** Whose defaults are looked at; undefined: the type's. */
  readonly version: string | undefined;
  readonly onVersion: (version: string | undefined) => void;
}) => {
  const configuration = useQuery({ ...typeConfigurationQuery(type.id), refetchInterval: usePolling() });
  const ofVersion = useQuery({
    ...fleetSummaryQuery(`appVersion==${valueText(version ?? '')}`),
    enabled: version !== undefined,
  });
  const [open, setOpen] = useState<Open>();
  const [jobId, setJobId] = useState<string | null>(null);
  const reached = version === undefined ? devices : ofVersion.data?.total;
  const close = () => setOpen(undefined);
  return (
    <Section
      title="Configuration"
      actions={
        <Select
          aria-label="Defaults of"
          data={[
            { value: '', label: 'defaults of the type' },
            ...type.appVersions.map(({ name }) => ({ value: name, label: `defaults of ${name}` })),
          ]}
          value={version ?? ''}
          onChange={(value) => onVersion(value === null || value === '' ? undefined : value)}
          allowDeselect={false}
          w={220}
        />
      }
    >
      <Loaded query={configuration}>
        {(upon) => (
          <>
            <Group justify="space-between" mb="sm">
              <Rules configuration={upon.data} />
              <Group gap={6}>
                <ActButton
                  needs="device-type"
                  variant="default"
                  onClick={() => setOpen({ what: 'rules', upon })}
                >
                  Rules …
                </ActButton>
                <ActButton
                  needs="device-type"
                  variant="default"
                  leftSection={<PlusIcon size={14} />}
                  onClick={() => setOpen({ what: 'schema', key: '', upon })}
                >
                  Declare a key
                </ActButton>
                <ActButton
                  needs="configuration"
                  leftSection={<PlusIcon size={14} />}
                  onClick={() => setOpen({ what: 'default', key: '', upon })}
                >
                  Set a default
                </ActButton>
              </Group>
            </Group>
            {jobId !== null && <JobProgress id={jobId} label="The default is given to devices" />}
            {keysOf(upon.data, version).length === 0 ? (
              <Nothing why="No key is declared and none has a default: devices of the type take any key." />
            ) : (
              <KeyTable
                configuration={upon.data}
                version={version}
                onOpen={(what, key) => setOpen({ what, key, upon })}
              />
            )}
          </>
        )}
      </Loaded>
      {open?.what === 'rules' && <EditRules opened={open.upon} onClose={close} />}
      {open?.what === 'schema' && <EditSchema opened={open.upon} keyName={open.key} onClose={close} />}
      {open?.what === 'default' && (
        <EditDefault
          opened={open.upon}
          keyName={open.key}
          version={version}
          devices={reached}
          onClose={close}
          onSaved={(job) => {
            setJobId(job);
            close();
          }}
        />
      )}
    </Section>
  );
};

const Rules = ({
  configuration: { undeclaredKeys, limits },
}: {
  readonly configuration: TypeConfiguration;
}) => (
  <Text className="grow">
    Keys that are not declared are <b>{undeclaredKeys}</b>. Limits:{' '}
    {LIMITS.map(({ name, label }) =>
      limits[name] === undefined ? undefined : `${label.toLowerCase()} ${count(limits[name])}`,
    )
      .filter((limit) => limit !== undefined)
      .join(', ')}
    .
  </Text>
);

const KeyTable = ({
  configuration,
  version,
  onOpen,
}: {
  readonly configuration: TypeConfiguration;
  readonly version: string | undefined;
  readonly onOpen: (what: 'schema' | 'default', key: string) => void;
}) => (
  <Table
    isCards
    head={
      <>
        <th>Key</th>
        <th>Must be</th>
        <th>Default{version === undefined ? '' : ` of ${version}`}</th>
        {version !== undefined && <th>Default of the type</th>}
        <ActsHead />
      </>
    }
  >
    {keysOf(configuration, version).map((key) => (
      <tr key={key}>
        <td className="anywhere">
          <b>{key}</b>
        </td>
        <td className="value">
          {configuration.keys[key] === undefined ? (
            <span className="dim">not declared</span>
          ) : (
            json(configuration.keys[key].schema)
          )}
        </td>
        <td className="value">
          <Value name={key} of={defaultsOf(configuration, version)[key]} />
        </td>
        {version !== undefined && (
          <td className="value">
            <Value name={key} of={configuration.defaults[key]} />
          </td>
        )}
        <td>
          <Group gap={4} justify="flex-end">
            <ActButton
              needs="device-type"
              variant="default"
              aria-label={`Schema of ${key} …`}
              onClick={() => onOpen('schema', key)}
            >
              Schema …
            </ActButton>
            <ActButton
              needs="configuration"
              variant="default"
              aria-label={`Default of ${key} …`}
              onClick={() => onOpen('default', key)}
            >
              Default …
            </ActButton>
          </Group>
        </td>
      </tr>
    ))}
  </Table>
);
