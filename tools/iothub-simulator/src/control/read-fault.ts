import { FAULT_KINDS, type Fault, type FaultKind } from '../hub/faults.js';

type Field = 'text' | 'number' | 'whole' | 'flag';

/** What each kind may have; with an exclamation mark, must have. */
const FIELDS: Readonly<Record<FaultKind, Readonly<Record<string, Field | `${Field}!`>>>> = {
  'rest-error': {
    method: 'text',
    path: 'text',
    status: 'whole!',
    code: 'text',
    retryAfterSeconds: 'whole',
    afterwards: 'flag',
  },
  'rest-delay': { method: 'text', path: 'text', ms: 'whole!' },
  'rest-drop': { method: 'text', path: 'text', afterwards: 'flag' },
  'attach-error': { address: 'text!', condition: 'text!', description: 'text' },
  'amqp-silence': { address: 'text!' },
  'event-delay': { ms: 'whole!', deviceId: 'text' },
  'event-duplicate': { deviceId: 'text' },
  'partition-hold': { partitionId: 'text!' },
  'clock-skew': { ms: 'number!' },
};

const CHECKS: Readonly<Record<Field, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  whole: (value) => Number.isInteger(value) && (value as number) >= 0,
  flag: (value) => typeof value === 'boolean',
};

/** Reads a fault from JSON. Throws an Error with the field and its rule. */
export const readFault = (value: unknown): Fault => {
  if (typeof value !== 'object' || value === null) throw new Error('A fault is a JSON object');
  const { kind, ...given } = value as Record<string, unknown>;
  const known = FAULT_KINDS.find((one) => one === kind);
  if (known === undefined) throw new Error(`kind is one of ${FAULT_KINDS.join(', ')}`);
  const fields: Readonly<Record<string, Field | `${Field}!`>> = { ...FIELDS[known], times: 'whole' };
  for (const name of Object.keys(given)) {
    if (!(name in fields))
      throw new Error(`${known} has no ${name}; it has ${Object.keys(fields).join(', ')}`);
  }
  for (const [name, rule] of Object.entries(fields)) {
    const type = rule.replace('!', '') as Field;
    if (given[name] === undefined) {
      if (rule.endsWith('!')) throw new Error(`${known} needs ${name}`);
    } else if (!CHECKS[type](given[name]))
      throw new Error(`${name} is no ${type === 'whole' ? 'whole number of 0 or more' : type}`);
  }
  return value as Fault;
};
