import { AppError } from '@muster/contracts';
import type { Bus } from '@muster/messaging';

/** Fields of requests that hold the body of an HTTP request, which is what our callers know. */
const BODIES = [
  'device',
  'deviceType',
  'edit',
  'patch',
  'desired',
  'appVersion',
  'firmwareType',
  'bulkChange',
];

/** `bus`, with the field paths of refused requests as the HTTP caller sees them: `device.name` is `name`. */
export const relativeErrors = (bus: Pick<Bus, 'request'>, timeoutMs: number): Pick<Bus, 'request'> => ({
  request: async (contract, body, options) => {
    try {
      return await bus.request(contract, body, { timeoutMs, ...options });
    } catch (error) {
      throw error instanceof AppError ? relative(error) : error;
    }
  },
});

const relative = (error: AppError): AppError =>
  error.errors === undefined
    ? error
    : new AppError(error.code, withoutBody(error.detail), {
        cause: error,
        errors: error.errors.map(({ path, message }) => ({ path: withoutBody(path), message })),
        retryAfterSeconds: error.retryAfterSeconds,
      });

const withoutBody = (text: string): string => {
  const [first = '', ...rest] = text.split('.');
  return BODIES.includes(first) && rest.length > 0 && !text.startsWith(`${first}. `) ? rest.join('.') : text;
};
