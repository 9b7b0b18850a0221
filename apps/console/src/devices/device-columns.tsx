import type { ReactNode } from 'react';
import { AnchorLink } from '../shared/anchor-link.js';
import { Moment } from '../shared/moment.js';
import { isSecretName } from '../shared/secret.js';
import { connectionState, StateMark, syncState } from '../shared/state-mark.js';
import { Value } from '../shared/value.js';
import { CONNECTION_FILTERS } from './connection-filter.js';
import type { Device } from './devices.queries.js';
import { valueText } from './filter-text.js';

export interface Column {
  readonly key: string;
  readonly title: string;
  /** A track of the grid. */
  readonly width: string;
  /** On a narrow screen, where only what is not `wide` is there. */
  readonly narrowWidth?: string;
  readonly cell: (device: Device) => ReactNode;
  /** What clicking the cell narrows the filter to. */
  readonly narrow?: (device: Device) => { readonly selector: string; readonly comparison: string };
  readonly sort?: 'name' | 'createdAt';
  /** Left out where there is no room. */
  readonly wide?: boolean;
}

const equal = (selector: string, value: unknown) => ({
  selector,
  comparison: `${selector}==${valueText(value)}`,
});

const COLUMNS: readonly Column[] = [
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(150px, 2fr)',
    narrowWidth: 'minmax(90px, 1fr)',
    sort: 'name',
    cell: ({ id, name }) => (
      <AnchorLink to="/devices/$id/$tab" params={{ id, tab: 'configuration' }} tabIndex={-1} title={name}>
        {name}
      </AnchorLink>
    ),
  },
  {
    key: 'connection',
    title: 'Connection',
    width: '110px',
    narrowWidth: '106px',
    cell: ({ connectivity: { connected, lastSeenAt }, status }) =>
      status === undefined || status === 'active' ? (
        <StateMark state={connectionState(connected, lastSeenAt)} />
      ) : (
        // The longer word does not fit.
        <StateMark
          state={status === 'pending' ? 'awaits_approval' : status}
          {...(status === 'pending' ? { word: 'to approve' } : {})}
        />
      ),
    narrow: ({ connectivity: { connected, lastSeenAt }, status }) =>
      status === undefined || status === 'active'
        ? {
            selector: 'connected',
            comparison: CONNECTION_FILTERS[connectionState(connected, lastSeenAt)],
          }
        : equal('status', status),
  },
  {
    key: 'sync',
    title: 'Configuration',
    width: '124px',
    narrowWidth: '121px',
    cell: (device) => <StateMark state={syncState(device.syncState)} />,
    narrow: (device) => equal('syncState', device.syncState ?? 'none'),
  },
  {
    key: 'type',
    title: 'Type',
    width: 'minmax(110px, 1fr)',
    wide: true,
    cell: ({ deviceType }) => deviceType,
    narrow: ({ deviceType }) => equal('deviceType', deviceType),
  },
  {
    key: 'version',
    title: 'App version',
    width: 'minmax(120px, 1fr)',
    wide: true,
    cell: ({ appVersion }) => appVersion,
    narrow: ({ appVersion }) => equal('appVersion', appVersion),
  },
  {
    key: 'folder',
    title: 'Folder',
    width: 'minmax(110px, 1.2fr)',
    wide: true,
    cell: ({ folder }) => folder,
    narrow: ({ folder }) => equal('folder', folder),
  },
  {
    key: 'tags',
    title: 'Tags',
    width: 'minmax(90px, 1fr)',
    wide: true,
    cell: ({ tags }) => tags.join(', '),
  },
  {
    key: 'seen',
    title: 'Last seen',
    width: '104px',
    wide: true,
    cell: ({ connectivity: { lastSeenAt } }) => <Moment at={lastSeenAt} />,
  },
  {
    key: 'created',
    title: 'Created',
    width: '104px',
    wide: true,
    sort: 'createdAt',
    cell: ({ createdAt }) => <Moment at={createdAt} />,
  },
];

export const STANDARD_COLUMNS = ['name', 'connection', 'sync', 'type', 'version', 'folder', 'tags', 'seen'];
export const OPTIONAL_COLUMNS = COLUMNS.filter(({ key }) => key !== 'name').map(({ key, title }) => ({
  key,
  title,
}));

/** The columns of an address; `metadata.<key>` is one for each key. The name is always the first. */
export const columnsOf = (keys: readonly string[]): readonly Column[] =>
  ['name', ...keys.filter((key) => key !== 'name')].flatMap((key) => {
    const known = COLUMNS.find((column) => column.key === key);
    if (known !== undefined) return known;
    return key.startsWith('metadata.') ? metadataColumn(key.slice('metadata.'.length)) : [];
  });

const metadataColumn = (key: string): Column => ({
  key: `metadata.${key}`,
  title: key,
  width: 'minmax(90px, 1fr)',
  wide: true,
  cell: ({ metadata }) => {
    const value = metadata[key];
    if (value === undefined) return '';
    return typeof value === 'string' && !isSecretName(key) ? value : <Value name={key} of={value} />;
  },
});
