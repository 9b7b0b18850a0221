import { Text } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { valueText } from '../devices/filter-text.js';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Listed } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Nothing, PageHeader } from '../shared/page.js';
import { CreateType } from './create-type.js';
import { DeleteType } from './delete-type.js';
import { typesQuery } from './types.queries.js';
import { ActsHead } from '../shared/table.js';

/** Every device type, with how many devices are of it. */
export const TypesPage = () => {
  const { cursor } = useSearch({ from: '/types' });
  const navigate = useNavigate();
  const types = useQuery(typesQuery(cursor));
  const fleet = useQuery(fleetSummaryQuery(''));
  const [creating, setCreating] = useState(false);
  const create = (
    <ActButton needs="device-type" leftSection={<PlusIcon size={14} />} onClick={() => setCreating(true)}>
      Create
    </ActButton>
  );
  const devicesOf = (type: string): number | undefined =>
    fleet.data === undefined
      ? undefined
      : (fleet.data.deviceTypes.find(({ name }) => name === type)?.devices ?? 0);
  return (
    <div className="page">
      <PageHeader
        title="Device types"
        beside={<Text c="dimmed">{types.data?.total === undefined ? '' : count(types.data.total)}</Text>}
        actions={create}
      />
      <Listed
        query={types}
        cursor={cursor}
        onPage={(search) => void navigate({ to: '/types', search })}
        nothing={
          <Nothing why="There is no device type yet. Every device is of one: it says what its devices may do, and which values they have.">
            <ActButton needs="device-type" onClick={() => setCreating(true)}>
              Create the first one
            </ActButton>
          </Nothing>
        }
        head={
          <>
            <th>Type</th>
            <th className="right">Devices</th>
            <th className="wide">Application versions</th>
            <th className="wide">Created</th>
            <ActsHead />
          </>
        }
      >
        {(type) => (
          <>
            <td className="anywhere">
              <AnchorLink to="/types/$id" params={{ id: type.id }}>
                {type.name}
              </AnchorLink>
              {type.description !== undefined && <div className="dim">{type.description}</div>}
            </td>
            <td className="right">
              <DevicesOf type={type.name} devices={devicesOf(type.name)} />
            </td>
            <td className="anywhere wide">
              {type.appVersions
                .slice(-3)
                .map(({ name }) => name)
                .join(', ')}
              {type.appVersions.length > 3 && ` and ${type.appVersions.length - 3} before`}
            </td>
            <td className="wide">
              <Moment at={type.createdAt} />
            </td>
            <td className="right">
              <DeleteType type={type} devices={devicesOf(type.name)} />
            </td>
          </>
        )}
      </Listed>
      {creating && <CreateType onClose={() => setCreating(false)} />}
    </div>
  );
};

/** A link to them. */
export const DevicesOf = ({
  type,
  devices,
}: {
  readonly type: string;
  readonly devices: number | undefined;
}) => (
  <AnchorLink
    to="/devices"
    search={{ filter: `deviceType==${valueText(type)}` }}
    title={`Devices of ${type}`}
  >
    {devices === undefined ? '…' : count(devices)}
  </AnchorLink>
);
