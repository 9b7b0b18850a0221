import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { readJson } from './json-input.js';
import { Value } from './value.js';
import { Table } from './table.js';

/** Of one thing that either side has changed: what it was when the edit began, what it is now, what was typed. */
export interface ConflictRow {
  readonly name: string;
  readonly was: string;
  readonly theirs: ReactNode;
  readonly yours: string;
}

/** Somebody was faster: was, theirs, yours, thing by thing. */
export const Conflict = ({
  thing,
  rows,
  keyOf,
  note,
}: {
  /** What the rows are: "Key". */
  readonly thing: string;
  readonly rows: readonly ConflictRow[];
  /** Of the name of a row: the key whose values it holds, as JSON, of which some are secret. Undefined: it holds something else. */
  readonly keyOf?: (name: string) => string | undefined;
  readonly note?: string | undefined;
}) => (
  <div role="alert" className="card">
    <Text fw={600}>Somebody was faster. Nothing of yours is saved yet.</Text>
    {note !== undefined && <Text>{note}</Text>}
    <Table
      style={{ marginTop: 8 }}
      head={
        <>
          <th>{thing}</th>
          <th>Was</th>
          <th>Theirs</th>
          <th>Yours</th>
        </>
      }
    >
      {rows.map(({ name, was, theirs, yours }) => (
        <tr key={name}>
          <td className="anywhere">{name}</td>
          {[was, theirs, yours].map((side, index) => (
            <td key={index} className="value">
              <Side of={keyOf?.(name)}>{side}</Side>
            </td>
          ))}
        </tr>
      ))}
    </Table>
  </div>
);

const Side = ({ of, children }: { readonly of: string | undefined; readonly children: ReactNode }) => {
  const read = of === undefined || typeof children !== 'string' ? undefined : readJson(children);
  return of !== undefined && read !== undefined && 'value' in read ? (
    <Value name={of} of={read.value} />
  ) : (
    children
  );
};
