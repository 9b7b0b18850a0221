import type { Fields } from './filter.js';

/** A field of every kind, over the table `things` of the specs. */
export const THINGS = {
  name: { kind: 'text', column: 'name' },
  side: { kind: 'text', column: 'side', values: ['left', 'right'] },
  folder: { kind: 'path', column: 'folder' },
  weight: { kind: 'number', column: 'weight' },
  alive: { kind: 'boolean', column: 'alive' },
  seenAt: { kind: 'time', column: 'seen_at' },
  tags: { kind: 'list', column: 'tags' },
  metadata: { kind: 'json', column: 'metadata', key: { rule: /^\w{1,64}$/, expected: 'of letters' } },
} as const satisfies Fields;
