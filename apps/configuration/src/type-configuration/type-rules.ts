import type { FieldError, JsonValue } from '@muster/contracts';
import type { Limits } from '../desired/acceptable-values.js';
import type { TypeRules, ValueCheck } from './type-configuration.decider.js';
import { compileSchema, type SchemaCheck } from './value-schema.js';

/** The limits in force for the devices of a type. */
export const limitsOf = ({ limits }: TypeRules, ceilings: Limits): Limits => ({
  // A ceiling that was lowered since counts.
  documentBytes: Math.min(ceilings.documentBytes, limits.documentBytes ?? ceilings.documentBytes),
  valueBytes: Math.min(ceilings.valueBytes, limits.valueBytes ?? ceilings.valueBytes),
  keys: Math.min(ceilings.keys, limits.keys ?? ceilings.keys),
});

/** Pure. A schema is compiled when a value of its key is first looked at. */
export const valueChecks = ({ keys, undeclaredKeys }: TypeRules): ValueCheck => {
  const declared = new Map(Object.entries(keys));
  const compiled = new Map<string, SchemaCheck>();
  const checkOf = (key: string, schema: JsonValue): SchemaCheck => {
    const known = compiled.get(key);
    if (known !== undefined) return known;
    const check = compileSchema(schema);
    compiled.set(key, check);
    return check;
  };
  return (key, value): readonly FieldError[] => {
    const rule = declared.get(key);
    if (rule !== undefined) {
      return checkOf(
        key,
        rule.schema,
      )(value).map(({ path, message }) => ({ path: `${key}${path}`, message }));
    }
    return undeclaredKeys === 'allowed'
      ? []
      : [{ path: key, message: 'is not a key that the device type declares' }];
  };
};
