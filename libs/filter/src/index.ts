export {
  mapConditions,
  type Condition,
  type Field,
  type FieldKind,
  type Fields,
  type Filter,
  type FilterGroup,
  type Operand,
  type Order,
  type Test,
} from './filter.js';
export { matches } from './matches.js';
export { MAX_COMPARISONS, MAX_FILTER_DEPTH, MAX_FILTER_LENGTH, MAX_LIST_VALUES } from './parse.js';
export { operatorsOf, readFilter } from './read-filter.js';
export { replaceValues } from './replace-values.js';
export { toSql, type Bind } from './to-sql.js';
