import { AppError } from '@muster/contracts/errors';

/** Everything that can be wrong with a filter is told like this. `at` counts characters from 1. */
export const refusal = (at: number, found: string, expected: string): AppError => {
  const message = `position ${at}: found ${found}, expected ${expected}`;
  return new AppError('invalid-filter', `The filter is wrong at ${message}.`, {
    errors: [{ path: 'filter', message }],
  });
};

/** A limit was passed: there is no single place that is wrong. */
export const tooLarge = (rule: string): AppError =>
  new AppError('invalid-filter', `The filter ${rule}.`, { errors: [{ path: 'filter', message: rule }] });

/** A piece of the filter, short enough for a message. */
export const quote = (text: string): string =>
  `"${text.length > 40 ? `${[...text].slice(0, 39).join('')}…` : text}"`;
