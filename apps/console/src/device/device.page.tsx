import { Button, Checkbox, Group, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useLive, usePolling } from '../api/live.js';
import { DEVICE_TABS, type DeviceTab } from './tabs.js';
import { ActButton, ActItem } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { Moment } from '../shared/moment.js';
import { Loaded, PageHeader } from '../shared/page.js';
import { connectionState, StateMark, stateOf, syncState } from '../shared/state-mark.js';
import { valueText } from '../devices/filter-text.js';
import { CommandsTab } from './commands.tab.js';
import { ConfigurationTab } from './configuration.tab.js';
import { ConnectivityTab } from './connectivity.tab.js';
import { deviceQuery } from './device.queries.js';
import { EditDevice } from './edit-device.js';
import { FilesTab } from './files.tab.js';
import { FirmwareTab } from './firmware.tab.js';
import { HistoryTab } from './history.tab.js';
import { Metadata } from './metadata.js';
import { SecretKeys } from '../types/secret-keys.js';
import { TelemetryTab } from './telemetry.tab.js';

type Device = Schema<'DeviceView'>;
type Settable = 'active' | 'suspended';

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
          <SecretKeys deviceType={data.deviceType}>
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
          </SecretKeys>
        )}
      </Loaded>
    </div>
  );
};

const Tab = ({
  device: { id, deviceTypeId, interface: via },
  tab,
}: {
  readonly device: Device;
  readonly tab: DeviceTab;
}) => {
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
      return <ConnectivityTab id={id} via={via} />;
    case 'history':
      return <HistoryTab id={id} keyName={search.key} onKey={(key) => go({ ...search, key })} />;
    case 'files':
      return <FilesTab id={id} />;
  }
};

const Header = ({ device, etag }: { readonly device: Device; readonly etag: string }) => {
  const { id, name, deviceType, deviceTypeId, appVersion, folder, tags, connectivity, status } = device;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [editing, setEditing] = useState<string>();
  const [setting, setSetting] = useState<{ readonly from: Device['status']; readonly to: Settable }>();
  const [deleting, setDeleting] = useState(false);
  const [erase, setErase] = useState(false);
  const remove = useMutation({
    mutationFn: () =>
      answered(
        api.DELETE('/api/v1/devices/{id}', { params: { path: { id }, query: erase ? { erase } : {} } }),
      ),
    onSuccess: () => {
      void navigate({ to: '/devices' });
      void queries.invalidateQueries({ queryKey: ['devices'] });
    },
  });
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
            <StateMark {...configurationMark(syncState(device.syncState))} />
            {connectivity.lastSeenAt !== null && (
              <Text c="dimmed">
                seen <Moment at={connectivity.lastSeenAt} />
              </Text>
            )}
          </>
        }
        actions={
          <>
            <ActButton needs="device" variant="default" onClick={() => setEditing(etag)}>
              Edit
            </ActButton>
            <Menu position="bottom-end">
              <Menu.Target>
                <Button variant="default" aria-label="More acts" px={8}>
                  <KebabHorizontalIcon size={16} />
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                {status !== 'active' && (
                  <ActItem needs="device" onClick={() => setSetting({ from: status, to: 'active' })}>
                    {status === 'pending' ? 'Approve …' : 'Let it connect again …'}
                  </ActItem>
                )}
                {status === 'active' && (
                  <ActItem needs="device" onClick={() => setSetting({ from: status, to: 'suspended' })}>
                    Suspend …
                  </ActItem>
                )}
                <ActItem needs="device" color="var(--bad)" onClick={() => setDeleting(true)}>
                  Delete …
                </ActItem>
              </Menu.Dropdown>
            </Menu>
          </>
        }
      />
      <Group gap="md" mb="sm">
        <span>
          <Narrow selector="deviceType" value={deviceType} />{' '}
          <AnchorLink to="/types/$id" params={{ id: deviceTypeId }} aria-label={`The type ${deviceType}`}>
            (the type)
          </AnchorLink>
        </span>
        <Narrow selector="appVersion" value={appVersion} />
        <Narrow selector="folder" value={folder} />
        {tags.map((tag) => (
          <Narrow key={tag} selector="tags" value={tag} />
        ))}
        {device.serialNumber !== undefined && <Text c="dimmed">serial number {device.serialNumber}</Text>}
        {device.parentId !== undefined && (
          <AnchorLink to="/devices/$id/$tab" params={{ id: device.parentId, tab: 'connectivity' }}>
            behind another device
          </AnchorLink>
        )}
      </Group>
      <Metadata device={device} etag={etag} />
      {setting !== undefined && (
        <SetStatus
          device={device}
          etag={etag}
          to={setting.to}
          gone={
            status === setting.from
              ? undefined
              : `Somebody else has changed it meanwhile: it is ${stateOf(status === 'pending' ? 'awaits_approval' : (status ?? 'active')).word}.`
          }
          onClose={() => setSetting(undefined)}
        />
      )}
      {editing !== undefined && (
        <EditDevice device={device} etag={editing} onClose={() => setEditing(undefined)} />
      )}
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
            sent stays until its age ends it.
          </Text>
          <Checkbox
            label="Erase what it has sent, and its history"
            checked={erase}
            onChange={(event) => setErase(event.currentTarget.checked)}
          />
          <Text c="dimmed">
            Its history of values can be erased afterwards too, by the call{' '}
            <code>DELETE /api/v1/devices/{id}/configuration/history</code>.
          </Text>
        </Confirm>
      )}
    </>
  );
};

/** Beside the name of the device a word alone would be of the device: "rejected", "sent". */
const configurationMark = (state: string) => ({
  state,
  ...(state === 'none' ? {} : { word: `configuration ${stateOf(state).word}` }),
});

/** What an operator lets a device do, or no more. */
const SetStatus = ({
  device: { id, name, status },
  etag,
  to,
  gone,
  onClose,
}: {
  readonly device: Device;
  readonly etag: string;
  readonly to: Settable;
  readonly gone: string | undefined;
  readonly onClose: () => void;
}) => {
  const act = to === 'suspended' ? 'Suspend' : status === 'pending' ? 'Approve' : 'Let it connect again';
  return (
    <ActDialog
      title={to === 'suspended' || status === 'pending' ? `${act} ${name}` : `Let ${name} connect again`}
      act={act}
      danger={to === 'suspended'}
      gone={gone}
      refreshes={['device', id]}
      run={() =>
        answered(
          api.PATCH('/api/v1/devices/{id}', {
            params: { path: { id }, header: { 'If-Match': etag } },
            body: { status: to },
          }),
        )
      }
      onClose={onClose}
    >
      <Text>
        {to === 'suspended'
          ? 'It is disconnected at once, whatever it shows, and cannot connect until you let it connect again. Nothing of it is lost.'
          : 'It may connect, send, and is told what it is to be set: what it was told cannot be taken back.'}
      </Text>
    </ActDialog>
  );
};

/** Leads to all devices with the same. */
const Narrow = ({ selector, value }: { readonly selector: string; readonly value: string }) => (
  <AnchorLink
    to="/devices"
    search={{ filter: `${selector}==${valueText(value)}` }}
    title={`All with this ${selector}`}
    className="anywhere"
  >
    {value}
  </AnchorLink>
);
