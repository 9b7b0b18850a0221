import { Text } from '@mantine/core';
import type { ReactNode } from 'react';

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
  note,
}: {
  /** What the rows are: "Key". */
  readonly thing: string;
  readonly rows: readonly ConflictRow[];
  readonly note?: string | undefined;
}) => (
  <div role="alert" className="card">
    <Text fw={600}>Somebody was faster. Nothing of yours is saved yet.</Text>
    {note !== undefined && <Text>{note}</Text>}
    <div className="table-scroll" style={{ marginTop: 8 }}>
      <table className="table">
        <thead>
          <tr>
            <th>{thing}</th>
            <th>Was</th>
            <th>Theirs</th>
            <th>Yours</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, was, theirs, yours }) => (
            <tr key={name}>
              <td className="anywhere">{name}</td>
              <td className="value">{was}</td>
              <td className="value">{theirs}</td>
              <td className="value">{yours}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </div>
);
