import { Button, Checkbox, Menu, Text } from '@mantine/core';
import {
  ColumnsIcon,
  DownloadIcon,
  FileDirectoryIcon,
  PlusIcon,
  TriangleDownIcon,
  TriangleUpIcon,
  UploadIcon,
} from '@primer/octicons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useLive } from '../api/live.js';
import { faultAt, problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { count } from '../shared/format.js';
import { Nothing, PageHeader, Stale } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { VirtualGrid, type GridColumn } from '../shared/virtual-grid.js';
import { BulkBar } from './bulk-bar.js';
import { CreateDevice } from './create-device.js';
import { columnsOf, OPTIONAL_COLUMNS, STANDARD_COLUMNS, type Column } from './device-columns.js';
import { useDeviceRows } from './device-rows.js';
import { fleetSummaryQuery, type Device, type Sort } from './devices.queries.js';
import { FilterBox } from './filter-box.js';
import { narrowed } from './filter-text.js';
import { Groups } from './groups.js';
import { ALL, isSelected, NOTHING, sizeOf, toggled, type Selection } from './selection.js';
import { Counters } from './counters.js';
import { StateAge } from './state-age.js';

export const DevicesPage = () => {
  const { filter = '', sort: chosenSort, columns: chosenColumns } = useSearch({ from: '/devices' });
  const sort: Sort = chosenSort ?? 'name';
  const keys: readonly string[] = chosenColumns ?? STANDARD_COLUMNS;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [selection, setSelection] = useState<Selection>(NOTHING);
  const [creating, setCreating] = useState(false);
  const summary = useQuery(fleetSummaryQuery(filter));
  const [isHeld, setHeld] = useState(false);
  const { query, rowAt, known, onSeen, fresh } = useDeviceRows(filter, sort, isHeld);
  useLive('fleet', [['devices', 'summary']], undefined, 2_000);
  useEffect(() => setSelection(NOTHING), [filter]);

  const go = (search: { filter?: string; sort?: Sort; columns?: string[] }) =>
    void navigate({
      to: '/devices',
      search: (now) => ({
        ...now,
        ...search,
        ...(search.filter === '' ? { filter: undefined } : {}),
      }),
    });
  const narrow = (selector: string, comparison: string) =>
    go({ filter: narrowed(filter, selector, comparison) });

  const total = query.isPlaceholderData ? undefined : summary.data?.total;
  const columns = columnsOf(keys);
  const gridColumns: GridColumn[] = [
    {
      key: 'select',
      width: '34px',
      // What is done with many is not done on a telephone; whole names are looked up there.
      wide: true,
      title: (
        <Checkbox
          aria-label={filter === '' ? 'Select all devices' : 'Select all that match'}
          checked={selection.kind === 'all' && selection.except.size === 0}
          indeterminate={
            sizeOf(selection, total ?? 0) > 0 && !(selection.kind === 'all' && selection.except.size === 0)
          }
          onChange={() => setSelection(selection.kind === 'all' ? NOTHING : ALL)}
        />
      ),
    },
    ...columns.map((column) => ({
      key: column.key,
      width: column.width,
      ...(column.sort === undefined ? {} : { sorted: sortedBy(sort, column.sort) }),
      wide: column.wide === true,
      ...(column.narrowWidth === undefined ? {} : { narrowWidth: column.narrowWidth }),
      title:
        column.sort === undefined ? (
          column.title
        ) : (
          <SortBy column={column} sort={sort} onSort={(next) => go({ sort: next })} />
        ),
    })),
  ];
  const cells = (device: Device) => [
    <Checkbox
      key="select"
      aria-label={`Select ${device.name}`}
      tabIndex={-1}
      checked={isSelected(selection, device.id)}
      onChange={() => setSelection(toggled(selection, device.id))}
    />,
    ...columns.map((column) => <Cell key={column.key} column={column} device={device} onNarrow={narrow} />),
  ];
  const refusal = query.isError ? problemOf(query.error) : undefined;
  const filterFault = faultAt(refusal, 'filter');

  return (
    <div className="page page-fixed">
      <PageHeader
        title="Devices"
        beside={
          <Text c="dimmed" aria-live="off">
            {total === undefined ? ' ' : `${count(total)} ${filter === '' ? 'in all' : 'match'}`}
            {fresh > 0 && ` · ${count(fresh)} new, shown when the pointer leaves the list`}
          </Text>
        }
        actions={
          <>
            <Button
              variant="default"
              leftSection={<FileDirectoryIcon size={14} />}
              renderRoot={(root) => <Link {...root} to="/folders" />}
            >
              Folders
            </Button>
            <ChooseColumns keys={keys} onChange={(columns) => go({ columns })} />
            <Button
              variant="default"
              component="a"
              href={`/api/v1/exports/devices?format=csv${filter === '' ? '' : `&filter=${encodeURIComponent(filter)}`}`}
              download="devices.csv"
              leftSection={<DownloadIcon size={14} />}
            >
              Export
            </Button>
            <Button variant="default" component={Link} to="/imports" leftSection={<UploadIcon size={14} />}>
              Import
            </Button>
            <ActButton needs="device" leftSection={<PlusIcon size={14} />} onClick={() => setCreating(true)}>
              Create
            </ActButton>
          </>
        }
      />
      <div className="filter-row">
        <FilterBox applied={filter} onApply={(next) => go({ filter: next })} fault={filterFault} />
        <Groups filter={filter} onApply={(next) => go({ filter: next })} />
      </div>
      {summary.data !== undefined && <StateAge {...summary.data} />}
      {summary.data !== undefined && <Counters summary={summary.data} onNarrow={narrow} />}
      {refusal !== undefined &&
        filterFault === undefined &&
        (query.data === undefined ? (
          <ProblemView error={query.error} retry={() => void query.refetch()} />
        ) : (
          <Stale error={query.error} since={query.dataUpdatedAt} retry={() => void query.refetch()} />
        ))}
      {query.isSuccess && known === 0 ? (
        filter === '' ? (
          <Nothing why="There are no devices yet.">
            <ActButton needs="device" onClick={() => setCreating(true)}>
              Create the first one
            </ActButton>
          </Nothing>
        ) : (
          <Nothing why={`No device matches ${filter}`}>
            <Button variant="default" onClick={() => go({ filter: '' })}>
              Show all devices
            </Button>
          </Nothing>
        )
      ) : (
        <VirtualGrid
          label="Devices"
          columns={gridColumns}
          known={known}
          total={total}
          rowAt={rowAt}
          idOf={({ id }) => id}
          cells={cells}
          selected={({ id }) => isSelected(selection, id)}
          onToggle={({ id }) => setSelection(toggled(selection, id))}
          onOpen={({ id }) =>
            void navigate({ to: '/devices/$id/$tab', params: { id, tab: 'configuration' } })
          }
          onSeen={onSeen}
          onPointed={setHeld}
        />
      )}
      {sizeOf(selection, total ?? 0) > 0 && (
        <BulkBar
          selection={selection}
          filter={filter}
          total={total ?? 0}
          onSelectAll={() => setSelection(ALL)}
          onDone={() => {
            setSelection(NOTHING);
            void queries.invalidateQueries({ queryKey: ['devices'] });
          }}
        />
      )}
      {creating && <CreateDevice onClose={() => setCreating(false)} />}
    </div>
  );
};

const sortedBy = (sort: Sort, column: NonNullable<Column['sort']>): GridColumn['sorted'] =>
  sort === column ? 'ascending' : sort === `-${column}` ? 'descending' : 'none';

const Cell = ({
  column,
  device,
  onNarrow,
}: {
  readonly column: Column;
  readonly device: Device;
  readonly onNarrow: (selector: string, comparison: string) => void;
}) => {
  const content = column.cell(device);
  const narrow = column.narrow?.(device);
  if (narrow === undefined) return content;
  return (
    <button
      type="button"
      tabIndex={-1}
      className="cell-button"
      title={`Only ${narrow.comparison}`}
      onClick={() => onNarrow(narrow.selector, narrow.comparison)}
    >
      {content}
    </button>
  );
};

const SortBy = ({
  column,
  sort,
  onSort,
}: {
  readonly column: Column;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}) => {
  const key = column.sort ?? 'name';
  const up = sort === key;
  const down = sort === `-${key}`;
  return (
    <button
      type="button"
      className="sort"
      onClick={() => onSort(up ? `-${key}` : key)}
      aria-label={`${column.title}, ${up ? 'sorted; from the end' : down ? 'sorted from the end; turn round' : 'sort'}`}
    >
      {column.title}
      {up && <TriangleUpIcon size={12} />}
      {down && <TriangleDownIcon size={12} />}
    </button>
  );
};

const ChooseColumns = ({
  keys,
  onChange,
}: {
  readonly keys: readonly string[];
  readonly onChange: (keys: string[]) => void;
}) => (
  <Menu closeOnItemClick={false} position="bottom-end">
    <Menu.Target>
      <Button variant="default" leftSection={<ColumnsIcon size={14} />} className="wide-only">
        Columns
      </Button>
    </Menu.Target>
    <Menu.Dropdown>
      {OPTIONAL_COLUMNS.map(({ key, title }) => (
        <Menu.CheckboxItem
          key={key}
          checked={keys.includes(key)}
          onChange={() => onChange(keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key])}
        >
          {title}
        </Menu.CheckboxItem>
      ))}
    </Menu.Dropdown>
  </Menu>
);
