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
  'bulk',
  'group',
  'hub',
  'folder',
  'credential',
  'rotation',
  'authority',
  'verification',
  'claimKey',
  'defaults',
  'campaign',
  'from',
  'launch',
  'schedule',
  'resume',
  'settle',
  'supervision',
  'cancel',
  'rate',
  'as',
];

/**
 * `bus`, with the field paths of refused requests as the HTTP caller sees them: `device.name` is `name`, and `bulk` the body. A name that is no
 * field of the request stays: it is then something else, such as the defaults that new rules of a type are at odds with.
 */
export const relativeErrors = (bus: Pick<Bus, 'request'>, timeoutMs: number): Pick<Bus, 'request'> => ({
  request: async (contract, body, options) => {
    try {
      return await bus.request(contract, body, { timeoutMs, ...options });
    } catch (error) {
      throw error instanceof AppError
        ? relative(
            error,
            // A name in the address is text, and `group` or `deviceType` like a body.
            BODIES.filter((name) => typeof (body as Readonly<Record<string, unknown>>)[name] === 'object'),
          )
        : error;
    }
  },
});

const relative = (error: AppError, bodies: readonly string[]): AppError =>
  error.errors === undefined
    ? error
    : new AppError(error.code, detailWithout(bodies, error), {
        cause: error,
        errors: error.errors.map(({ path, message }) => ({ path: without(bodies, path), message })),
        retryAfterSeconds: error.retryAfterSeconds,
      });

/** It tells of every fault, each after its path. */
const detailWithout = (bodies: readonly string[], { detail, errors = [] }: AppError): string =>
  detail
    .split('; ')
    .map((fault) =>
      // A sentence that only begins with such a word is not about the body.
      without(
        bodies.filter((name) => !fault.startsWith(`${name} `) || errors.some(({ path }) => path === name)),
        fault,
      ),
    )
    .join('; ');

const without = (bodies: readonly string[], text: string): string => {
  const whole = bodies.find((name) => text === name || text.startsWith(`${name} `));
  if (whole !== undefined) return text === whole ? '' : `The body${text.slice(whole.length)}`;
  const [first = '', ...rest] = text.split('.');
  return bodies.includes(first) && rest.length > 0 && !text.startsWith(`${first}. `) ? rest.join('.') : text;
};
