import { AppError } from '@muster/contracts';

/** Where something is in a file, both from 1. */
export interface Place {
  readonly line: number;
  readonly column?: number;
}

/** What keeps a file from being read: nothing of it is imported. */
export const fileFault = ({ line, column }: Place, message: string): AppError => {
  const path = `line ${line}${column === undefined ? '' : `, column ${column}`}`;
  return new AppError('invalid-request', `${path}: ${message}`, { errors: [{ path, message }] });
};
