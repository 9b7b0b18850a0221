import { registerDecorator } from 'class-validator';
import type { Shape } from './contract.js';

/** Any JSON value, by its name in the documents. */
export const JSON_VALUE = 'JsonValue';

/** How a description refers to a class of the contracts, or to any JSON value. */
export type RefTo = (what: Shape<object> | typeof JSON_VALUE) => { readonly $ref: string };

/**
 * What the rules of a field cannot say to whoever generates a client: it becomes a part of the field's JSON Schema. It checks
 * nothing: what is checked stands in the rules beside it, or in the service.
 */
export const Described = (schema: (refTo: RefTo) => object): PropertyDecorator =>
  documenting('described', schema);

/** Any JSON value, of which null is one. */
export const AnyJson = (): PropertyDecorator => documenting('anyJson');

/** The values of an object whose keys are the caller's own. */
export const ValuesAre = (what: Shape<object> | typeof JSON_VALUE): PropertyDecorator =>
  Described((refTo) => ({ additionalProperties: refTo(what) }));

/** In a patch, for an optional field: null removes it, or puts its default back. */
export const NullRemoves = (): PropertyDecorator => documenting('nullRemoves');

const documenting =
  (name: string, ...constraints: unknown[]): PropertyDecorator =>
  (target, propertyName) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: String(propertyName),
      constraints,
      validator: { validate: () => true },
    });
  };
