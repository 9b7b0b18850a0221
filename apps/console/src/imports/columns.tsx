import { Anchor, Text } from '@mantine/core';

/** Column → what a cell of it says. */
const COLUMNS: readonly (readonly [string, string])[] = [
  ['id', 'which device is meant; without it the serial number says it, and without that the name'],
  ['name', 'a new device needs it'],
  ['deviceType', 'a new device needs it; of one that is there it cannot be changed'],
  ['appVersion', 'one of the versions of the type; a new device has the newest otherwise'],
  ['interface', 'mqtt or http'],
  ['folder', '/paris/north'],
  ['tags', 'roof;north'],
  ['serialNumber', 'unique'],
  ['position.latitude', 'degrees; .longitude goes with it, .altitude in metres may'],
  ['metadata.floor', 'a column for each key; null removes it'],
  ['metadata', 'the same as one JSON object'],
  ['desired.interval', 'a column for each desired value; null takes it back'],
  ['desired', 'the same as one JSON object'],
  ['parent', 'the name of the device that it is behind, or parentId its id'],
  ['token', 'an endpoint token; a new device gets one by itself'],
];

/** What may stand in a file. */
export const ColumnHelp = () => (
  <details>
    <summary>What stands in the file</summary>
    <Text mt="xs">
      CSV in UTF-8 with a line of column names, or NDJSON: a JSON object on each line, with the same fields as
      when a device is created. An empty cell says nothing: what is not mentioned stays as it is. The same
      file may be sent again.
    </Text>
    <dl className="facts" style={{ marginTop: 8 }}>
      {COLUMNS.map(([name, says]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt className="mono">{name}</dt>
          <dd>{says}</dd>
        </div>
      ))}
    </dl>
    <Text mt="xs">
      An{' '}
      <Anchor href="/api/v1/exports/devices?format=csv" download="devices.csv">
        export of all devices
      </Anchor>{' '}
      is such a file.
    </Text>
  </details>
);
