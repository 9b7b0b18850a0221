import { isMap, isScalar, parseDocument, type Pair } from 'yaml';

interface Row {
  readonly key: string;
  readonly value: string;
  readonly doc: string;
}

/** The keys of values.yaml with their defaults and the comments that begin with `--`, as a Markdown table. */
export const valuesTable = (values: string): string => {
  const { contents } = parseDocument(values);
  if (!isMap(contents)) throw new Error('values.yaml is no map');
  const rows = rowsOf(contents.items, [], contents.commentBefore);
  return [['key', 'default', 'meaning'], ['---', '---', '---'], ...rows.map(cells)]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
};

const cells = ({ key, value, doc }: Row): string[] => [`\`${key}\``, `\`${value}\``, doc];

const rowsOf = (pairs: readonly Pair[], path: readonly string[], first: string | null | undefined): Row[] =>
  pairs.flatMap((pair, index) => {
    const { key, value } = pair;
    if (!isScalar(key)) return [];
    const here = [...path, String(key.value)];
    // The comment above the first key belongs to the map.
    const doc = docOf(key.commentBefore ?? (index === 0 ? first : undefined));
    const isGroup = isMap(value) && !value.flow && value.items.length > 0;
    if (!isGroup) return [{ key: here.join('.'), value: flat(value), doc }];
    const { commentBefore, items } = value;
    const own = doc === '' ? [] : [{ key: here.join('.'), value: '…', doc }];
    return [...own, ...rowsOf(items, here, commentBefore)];
  });

const docOf = (comment: string | null | undefined): string => {
  const found = (comment ?? '').split('\n').map((line) => /^\s*-- (.*)$/.exec(line)?.[1]);
  return found
    .filter((line) => line !== undefined)
    .join(' ')
    .replaceAll('|', '\\|');
};

const flat = (value: unknown): string => {
  const plain =
    value !== null && typeof value === 'object' && 'toJSON' in value
      ? (value as { toJSON(): unknown }).toJSON()
      : value;
  return JSON.stringify(plain);
};
