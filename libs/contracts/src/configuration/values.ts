import { CONFIGURATION_KEY_RULE, CONFIGURATION_KEY_TEXT, type JsonValue } from '../fields.js';

/** Beyond this a value cannot be walked by recursion; devices have smaller stacks still. */
const MAX_DEPTH = 32;

/** The replies of kp1. */
const RESERVED_KEYS = ['status', 'error'];

/** U+0000 and lone surrogates cannot be stored: PostgreSQL refuses them in JSON. */
const UNSTORABLE = /\0|\p{Surrogate}/u;
const HOLDS_UNSTORABLE = 'must not hold U+0000 or half of a surrogate pair';

/** What is wrong with a key of a configuration, whoever wants or reports it; undefined: nothing. */
export const wrongConfigurationKey = (key: string): string | undefined => {
  if (RESERVED_KEYS.includes(key)) return 'is a reserved name';
  if (!CONFIGURATION_KEY_RULE.test(key)) return CONFIGURATION_KEY_TEXT;
  return UNSTORABLE.test(key) ? HOLDS_UNSTORABLE : undefined;
};

/** The same of a value. */
export const wrongConfigurationValue = (value: JsonValue, depth = 0): string | undefined => {
  if (depth > MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH} levels`;
  if (typeof value === 'string') return UNSTORABLE.test(value) ? HOLDS_UNSTORABLE : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must be a finite number';
  if (value === null || typeof value !== 'object') return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const fault = UNSTORABLE.test(name) ? HOLDS_UNSTORABLE : wrongConfigurationValue(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
};
