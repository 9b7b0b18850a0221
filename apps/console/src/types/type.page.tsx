import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { usePolling } from '../api/live.js';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { valueText } from '../devices/filter-text.js';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Moment } from '../shared/moment.js';
import { Loaded, PageHeader, Section } from '../shared/page.js';
import type { Versioned } from '../shared/use-edit.js';
import { AppVersions } from './app-versions.js';
import { DeleteType } from './delete-type.js';
import { EditType } from './edit-type.js';
import { FirmwareTypes } from './firmware-types.js';
import { SecretKeys } from './secret-keys.js';
import { TypeConfigurationSection } from './type-configuration.js';
import { SETTINGS } from './type-settings.js';
import { DevicesOf } from './types.page.js';
import { typeQuery, type DeviceType } from './types.queries.js';

/** All that is said of a type: it holds for each of its devices. */
export const TypePage = () => {
  const { id } = useParams({ from: '/types/$id' });
  const type = useQuery({ ...typeQuery(id), refetchInterval: usePolling() });
  return (
    <div className="page">
      <Loaded query={type}>{(read) => <OneType read={read} />}</Loaded>
    </div>
  );
};

const OneType = ({ read }: { readonly read: Versioned<DeviceType> }) => {
  const { data: type } = read;
  const { version } = useSearch({ from: '/types/$id' });
  const navigate = useNavigate();
  const fleet = useQuery(fleetSummaryQuery(`deviceType==${valueText(type.name)}`));
  const [editing, setEditing] = useState<Versioned<DeviceType>>();
  const devices = fleet.isPlaceholderData ? undefined : fleet.data?.total;
  return (
    <>
      <PageHeader
        title={type.name}
        above={
          <AnchorLink to="/types" c="dimmed">
            Device types
          </AnchorLink>
        }
        beside={
          <Text c="dimmed">
            <DevicesOf type={type.name} devices={devices} /> {devices === 1 ? 'device' : 'devices'} · created{' '}
            <Moment at={type.createdAt} />
          </Text>
        }
        actions={
          <>
            <ActButton needs="device-type" onClick={() => setEditing(read)}>
              Change …
            </ActButton>
            <DeleteType type={type} devices={devices} />
          </>
        }
      />
      {type.description !== undefined && <Text className="anywhere">{type.description}</Text>}
      <div className="columns">
        <Section title="Settings">
          <SettingList type={type} />
        </Section>
        <AppVersions
          read={read}
          devicesOf={(name) =>
            fleet.data === undefined || devices === undefined
              ? undefined
              : (fleet.data.appVersions.find((one) => one.name === name)?.devices ?? 0)
          }
        />
      </div>
      <SecretKeys deviceType={type.name}>
        <TypeConfigurationSection
          type={type}
          devices={devices}
          version={type.appVersions.some(({ name }) => name === version) ? version : undefined}
          onVersion={(next) =>
            void navigate({
              to: '/types/$id',
              params: { id: type.id },
              search: next === undefined ? {} : { version: next },
              resetScroll: false,
            })
          }
        />
      </SecretKeys>
      <FirmwareTypes typeId={type.id} />
      {editing !== undefined && <EditType opened={editing} onClose={() => setEditing(undefined)} />}
    </>
  );
};

const SettingList = ({ type: { settings } }: { readonly type: DeviceType }) => {
  const rules = Object.entries(settings.metadataKeys ?? {});
  return (
    <dl className="facts">
      {SETTINGS.map(({ name, label, means, byDefault, choices }) => {
        const value = settings[name];
        const word =
          value === undefined ? byDefault : value === true ? 'on' : value === false ? 'off' : String(value);
        return (
          <div key={name} style={{ display: 'contents' }}>
            <dt title={means}>{label}</dt>
            <dd>
              {choices?.find((choice) => choice.value === word)?.label ?? word}
              {value === undefined && <span className="dim"> (default)</span>}
            </dd>
          </div>
        );
      })}
      {rules.map(([key, rule]) => (
        <div key={key} style={{ display: 'contents' }}>
          <dt>
            Metadata <code>{key}</code>
          </dt>
          <dd>{allowed(rule)}</dd>
        </div>
      ))}
      <dt>{rules.length === 0 ? 'Metadata' : 'All other metadata'}</dt>
      <dd>{allowed(settings.undeclaredMetadataKeys ?? {})}</dd>
    </dl>
  );
};

const allowed = ({
  readable = true,
  writable = true,
}: {
  readonly readable?: boolean;
  readonly writable?: boolean;
}): string => {
  if (readable && writable) return 'devices read and write it';
  if (readable) return 'devices only read it';
  return writable ? 'devices only write it' : 'devices neither read nor write it';
};
