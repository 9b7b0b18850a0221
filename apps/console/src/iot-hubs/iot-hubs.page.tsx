import { Text } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Listed } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Nothing, PageHeader } from '../shared/page.js';
import { AddHub, useTypeNames } from './hub-dialogs.js';
import { Health } from './health.js';
import { HUBS_EVERY_MS, hubsQuery } from './iot-hubs.queries.js';

/** Azure IoT Hubs whose devices are managed here. */
export const IotHubsPage = () => {
  const { cursor } = useSearch({ from: '/iot-hubs' });
  const navigate = useNavigate();
  const hubs = useQuery({ ...hubsQuery(cursor), refetchInterval: HUBS_EVERY_MS });
  const { nameOf } = useTypeNames();
  const [adding, setAdding] = useState(false);
  return (
    <div className="page">
      <PageHeader
        title="IoT Hubs"
        beside={<Text c="dimmed">{hubs.data?.total === undefined ? '' : count(hubs.data.total)}</Text>}
        actions={
          <ActButton needs="iot-hub" leftSection={<PlusIcon size={14} />} onClick={() => setAdding(true)}>
            Add an IoT Hub
          </ActButton>
        }
      />
      <Listed
        query={hubs}
        cursor={cursor}
        onPage={(search) => void navigate({ to: '/iot-hubs', search })}
        nothing={
          <Nothing why="There is no IoT Hub. With one, devices that connect to Azure are managed here as all others.">
            <ActButton needs="iot-hub" onClick={() => setAdding(true)}>
              Add the first one
            </ActButton>
          </Nothing>
        }
        head={
          <>
            <th>Name</th>
            <th>State</th>
            <th className="right">Devices wait</th>
            <th className="wide">Devices of</th>
            <th className="wide">Tier</th>
            <th className="wide">Unknown devices</th>
            <th className="wide">Added</th>
          </>
        }
      >
        {({ id, name, hostName, deviceTypes, tier, units, enrolment, health, createdAt }) => (
          <>
            <td className="anywhere">
              <AnchorLink to="/iot-hubs/$id" params={{ id }}>
                {name}
              </AnchorLink>
              <div className="dim">{hostName}</div>
            </td>
            <td className="anywhere">
              <Health health={health} />
            </td>
            <td className="right">{health === undefined ? '' : count(health.waiting)}</td>
            <td className="anywhere wide">
              {deviceTypes.length === 0 ? 'all other types' : deviceTypes.map(nameOf).join(', ')}
            </td>
            <td className="wide">
              {tier}, {count(units)} {units === 1 ? 'unit' : 'units'}
            </td>
            <td className="wide">{enrolment?.enabled === true ? 'enrol' : 'are not taken'}</td>
            <td className="wide">
              <Moment at={createdAt} />
            </td>
          </>
        )}
      </Listed>
      {adding && (
        <AddHub
          onClose={() => setAdding(false)}
          onAdded={({ id }) => void navigate({ to: '/iot-hubs/$id', params: { id } })}
        />
      )}
    </div>
  );
};
