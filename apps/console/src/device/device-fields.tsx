import { Group, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt, type Problem } from '../api/problem.js';
import { startingWith } from '../devices/filter-text.js';
import { NumberField } from '../shared/number-field.js';
import { deviceQuery } from './device.queries.js';

/** What a device can speak. */
export const INTERFACES = [
  { value: 'mqtt', label: 'MQTT' },
  { value: 'http', label: 'HTTP' },
  { value: 'iothub', label: 'IoT Hub' },
] as const;

type Position = NonNullable<Schema<'DeviceView'>['position']>;

/** As it is being written; each number may be missing. */
export type PositionDraft = { readonly [Name in keyof Position]?: number | undefined };

/** Null: none. Undefined: half of one. */
export const positionIn = ({ latitude, longitude, altitude }: PositionDraft): Position | null | undefined => {
  if (latitude === undefined && longitude === undefined && altitude === undefined) return null;
  if (latitude === undefined || longitude === undefined) return undefined;
  return { latitude, longitude, ...(altitude === undefined ? {} : { altitude }) };
};

export const PositionFields = ({
  position,
  onChange,
  problem,
}: {
  readonly position: PositionDraft;
  readonly onChange: (position: PositionDraft) => void;
  readonly problem: Problem | undefined;
}) => (
  <Group grow align="start">
    <Coordinate
      label="Latitude"
      value={position.latitude}
      onChange={(latitude) => onChange({ ...position, latitude })}
      fault={
        positionIn(position) === undefined
          ? 'A position has both: latitude and longitude.'
          : faultAt(problem, 'position')
      }
    />
    <Coordinate
      label="Longitude"
      value={position.longitude}
      onChange={(longitude) => onChange({ ...position, longitude })}
    />
    <Coordinate
      label="Altitude (m)"
      value={position.altitude}
      onChange={(altitude) => onChange({ ...position, altitude })}
    />
  </Group>
);

const Coordinate = (props: {
  readonly label: string;
  readonly value: number | undefined;
  readonly onChange: (value: number | undefined) => void;
  readonly fault?: string | undefined;
}) => <NumberField {...props} whole={false} width="100%" hideControls />;

/** The device that this one is behind, found by the beginning of its name. */
export const Parent = ({
  id,
  parentId,
  onChange,
  error,
}: {
  /** Of the device itself, which is behind no other by being behind itself; undefined: it is not made yet. */
  readonly id?: string;
  readonly parentId: string | null;
  readonly onChange: (parentId: string | null) => void;
  readonly error: string | undefined;
}) => {
  const [text, setText] = useState('');
  const [typed] = useDebouncedValue(text.trim(), 150);
  const parent = useQuery({ ...deviceQuery(parentId ?? ''), enabled: parentId !== null }).data?.data;
  const found = useQuery({
    queryKey: ['devices', 'parents', typed],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/devices', {
          params: { query: { filter: `name==${startingWith(typed)}`, limit: 10 } },
          signal,
        }),
      ),
    enabled: typed !== '',
  }).data?.items;
  const known = [
    ...(parent === undefined ? [] : [parent]),
    ...(found ?? []).filter((one) => one.id !== parent?.id && one.id !== id),
  ];
  return (
    <Select
      searchable
      clearable
      label="Behind the device"
      description="As a sensor is behind its gateway"
      placeholder="none: it connects by itself"
      data={known.map((one) => ({ value: one.id, label: one.name }))}
      value={parentId}
      onChange={onChange}
      searchValue={text}
      onSearchChange={setText}
      nothingFoundMessage={typed === '' ? 'Type the beginning of its name' : 'No device begins with that'}
      error={error}
    />
  );
};
