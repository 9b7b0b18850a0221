import { Button, Group, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useLive, usePolling } from '../api/live.js';
import { DEVICE_TABS, type DeviceTab } from './tabs.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { json } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, PageHeader } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { connectionState, StateMark, syncState } from '../shared/state-mark.js';
import { valueText } from '../devices/filter-text.js';
import { CommandsTab } from './commands.tab.js';
import { ConfigurationTab } from './configuration.tab.js';
import { ConnectivityTab } from './connectivity.tab.js';
import { deviceQuery } from './device.queries.js';
import { FilesTab } from './files.tab.js';
import { FirmwareTab } from './firmware.tab.js';
import { HistoryTab } from './history.tab.js';
import { TelemetryTab } from './telemetry.tab.js';

type Device = Schema<'DeviceView'>;

const NAMES: Readonly<Record<DeviceTab, string>> = {
  configuration: 'Configuration',
  telemetry: 'Telemetry',
  commands: 'Commands',
  firmware: 'Firmware',
  connectivity: 'Connectivity',
  history: 'History',
  files: 'Files',
};

export const DevicePage = () => {
  const { id, tab } = useParams({ from: '/devices/$id/$tab' });
  const device = useQuery({ ...deviceQuery(id), refetchInterval: usePolling() });
  useLive(`device.${id}`, [['device', id]]);
  return (
    <div className="page">
      <Loaded query={device}>
        {({ data, etag }) => (
          <>
            <Header device={data} etag={etag} />
            <nav className="tabs" aria-label="Of this device">
              {DEVICE_TABS.map((one) => (
                <Link
                  key={one}
                  to="/devices/$id/$tab"
                  params={{ id, tab: one }}
                  className={one === tab ? 'tab here' : 'tab'}
                  {...(one === tab ? { 'aria-current': 'page' } : {})}
                >
                  {NAMES[one]}
                </Link>
              ))}
            </nav>
            <Tab device={data} tab={tab} />
          </>
        )}
      </Loaded>
    </div>
  );
};

const Tab = ({ device: { id, deviceTypeId }, tab }: { readonly device: Device; readonly tab: DeviceTab }) => {
  const search = useSearch({ from: '/devices/$id/$tab' });
  const navigate = useNavigate();
  const go = (next: typeof search) =>
    void navigate({ to: '/devices/$id/$tab', params: { id, tab }, search: next });
  switch (tab) {
    case 'configuration':
      return <ConfigurationTab id={id} at={search.at} onAt={(at) => go({ ...search, at })} />;
    case 'telemetry':
      return <TelemetryTab id={id} search={search} onSearch={(next) => go({ ...search, ...next })} />;
    case 'commands':
      return <CommandsTab id={id} />;
    case 'firmware':
      return <FirmwareTab id={id} deviceTypeId={deviceTypeId} />;
    case 'connectivity':
      return <ConnectivityTab id={id} />;
    case 'history':
      return <HistoryTab id={id} keyName={search.key} onKey={(key) => go({ ...search, key })} />;
    case 'files':
      return <FilesTab id={id} />;
  }
};

const Header = ({ device, etag }: { readonly device: Device; readonly etag: string }) => {
  const { id, name, deviceType, appVersion, folder, tags, metadata, connectivity, status } = device;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const edit = useMutation({
    mutationFn: (next: 'active' | 'suspended') =>
      answered(
        api.PATCH('/api/v1/devices/{id}', {
          params: { path: { id }, header: { 'If-Match': etag } },
          body: { status: next },
        }),
      ),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['device', id] }),
  });
  const remove = useMutation({
    mutationFn: () => answered(api.DELETE('/api/v1/devices/{id}', { params: { path: { id } } })),
    onSuccess: () => {
      void navigate({ to: '/devices' });
      void queries.invalidateQueries({ queryKey: ['devices'] });
    },
  });
  const known = Object.entries(metadata);
  return (
    <>
      <PageHeader
        title={name}
        above={
          <AnchorLink to="/devices" c="dimmed">
            Devices
          </AnchorLink>
        }
        beside={
          <>
            {status !== undefined && status !== 'active' && (
              <StateMark state={status === 'pending' ? 'awaits_approval' : status} />
            )}
            <StateMark state={connectionState(connectivity.connected, connectivity.lastSeenAt)} />
            <StateMark state={syncState(device.syncState)} />
            <Text c="dimmed">
              seen <Moment at={connectivity.lastSeenAt} />
            </Text>
          </>
        }
        actions={
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default" aria-label="More acts" px={8}>
                <KebabHorizontalIcon size={16} />
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {status !== 'active' && (
                <Menu.Item onClick={() => edit.mutate('active')}>
                  {status === 'pending' ? 'Approve' : 'Let it connect again'}
                </Menu.Item>
              )}
              {status === 'active' && (
                <Menu.Item onClick={() => edit.mutate('suspended')}>Suspend: it cannot connect</Menu.Item>
              )}
              <Menu.Item color="var(--bad)" onClick={() => setDeleting(true)}>
                Delete …
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        }
      />
      <Group gap="md" mb="sm">
        <Narrow selector="deviceType" value={deviceType} />
        <Narrow selector="appVersion" value={appVersion} />
        <Narrow selector="folder" value={folder} />
        {tags.map((tag) => (
          <Narrow key={tag} selector="tags" value={tag} />
        ))}
        {known.length > 0 && (
          <details>
            <summary>
              {known.length} metadata {known.length === 1 ? 'key' : 'keys'}
            </summary>
            <dl className="facts">
              {known.map(([key, value]) => (
                <div key={key} style={{ display: 'contents' }}>
                  <dt>{key}</dt>
                  <dd className="mono">{json(value)}</dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </Group>
      <ProblemView error={edit.error} />
      {deleting && (
        <Confirm
          title={`Delete ${name}`}
          act="Delete"
          danger
          busy={remove.isPending}
          error={remove.error}
          onClose={() => setDeleting(false)}
          onConfirm={() => remove.mutate()}
        >
          <Text>
            The device is disconnected at once and can connect no more. This cannot be undone. What it has
            sent stays until its age ends it; the bulk act “Delete” of the list erases that too.
          </Text>
        </Confirm>
      )}
    </>
  );
};

/** Leads to all devices with the same. */
const Narrow = ({ selector, value }: { readonly selector: string; readonly value: string }) => (
  <AnchorLink
    to="/devices"
    search={{ filter: `${selector}==${valueText(value)}` }}
    title={`All with this ${selector}`}
  >
    {value}
  </AnchorLink>
);
