import { describe, expect, it } from '@jest/globals';
import { conjuncts, narrowed, startingWith, valueText, without } from './filter-text.js';
import { faultOf } from './filter-check.js';
import {
  isSelected,
  NOTHING,
  sizeOf,
  targetOf,
  toggled,
  MOST_EXCEPTIONS,
  type Selection,
} from './selection.js';

const texts = (filter: string): readonly string[] => conjuncts(filter).map(({ text }) => text);

describe('a filter in parts', () => {
  it('is cut where all must hold, and nowhere else', () => {
    expect(texts('a==1;b==2 and c==3')).toEqual(['a==1', 'b==2', 'c==3']);
    expect(texts('(a==1;b==2);c=in=(x;y)')).toEqual(['(a==1;b==2)', 'c=in=(x;y)']);
    expect(texts('a=="x;y";b==\\;')).toEqual(['a=="x;y"', 'b==\\;']);
    expect(texts('a==1,b==2;c==3')).toEqual(['a==1,b==2;c==3']);
    expect(texts('  ')).toEqual([]);
  });

  it('finds all that begins with a text, whatever is in it', () => {
    expect(startingWith('radiator-04')).toBe('radiator-04*');
    expect(startingWith('hall, left')).toBe('"hall, left*"');
  });

  it('loses one part and keeps the others', () => {
    const [, second] = conjuncts('a==1;b==2;c==3');
    expect(without('a==1;b==2;c==3', second!)).toBe('a==1;c==3');
  });

  it('is narrowed by a condition, which takes the place of an earlier one of the same field', () => {
    expect(narrowed('', 'connected', 'connected==true')).toBe('connected==true');
    expect(narrowed('tags==a;connected==false', 'connected', 'connected==true')).toBe(
      'tags==a;connected==true',
    );
    expect(narrowed('lastSeenAt<2026-01-01', 'connected', 'connected==false;lastSeenAt=exists=true')).toBe(
      'connected==false;lastSeenAt=exists=true',
    );
    expect(narrowed('a==1,b==2', 'c', 'c==3')).toBe('(a==1,b==2);c==3');
  });

  it('writes a value so that it comes back as the same', () => {
    expect(['a', 'a b', '5', 'true', 'x*', '"', 5, true, null].map(valueText)).toEqual([
      'a',
      '"a b"',
      '"5"',
      '"true"',
      '"x\\*"',
      '"\\""',
      '5',
      'true',
      'null',
    ]);
  });

  it('is judged by the platform’s own parser', () => {
    const fields = [
      { name: 'interface', kind: 'text', values: ['mqtt', 'http', 'iothub'], operators: [], indexed: [] },
      { name: 'metadata.<key>', kind: 'json', operators: [], indexed: [] },
    ] as const;
    const known = fields.map((field) => ({
      ...field,
      operators: [],
      indexed: [],
      ...('values' in field ? { values: [...field.values] } : {}),
    }));
    expect(faultOf('interface==mqt', known as never)).toMatch(
      'position 12: found "mqt", expected one of mqtt, http, iothub',
    );
    expect(faultOf('metadata.floor>=1;interface==mqtt', known as never)).toBeUndefined();
    expect(faultOf('', known as never)).toBeUndefined();
  });
});

describe('a selection', () => {
  const all: Selection = { kind: 'all', except: new Set() };

  it('of some names them', () => {
    const two = toggled(toggled(NOTHING, 'a'), 'b');
    expect(targetOf(two, 'tags==x')).toEqual({ deviceIds: ['a', 'b'] });
    expect(sizeOf(toggled(two, 'a'), 100)).toBe(1);
  });

  it('of all means the filter, without those that were taken out', () => {
    const but = toggled(all, 'a');
    expect([isSelected(but, 'a'), isSelected(but, 'b'), sizeOf(but, 100)]).toEqual([false, true, 99]);
    expect(targetOf(but, 'tags==x,tags==y')).toEqual({ filter: '(tags==x,tags==y);id=out=(a)' });
    expect(targetOf(but, '')).toEqual({ filter: 'id=out=(a)' });
    expect(targetOf(all, '')).toEqual({ filter: 'name=exists=true' });
  });

  it('leaves out no more than fit into a filter', () => {
    let full: Selection = all;
    for (let n = 0; n < MOST_EXCEPTIONS + 5; n += 1) full = toggled(full, `d${n}`);
    expect(sizeOf(full, 1_000)).toBe(1_000 - MOST_EXCEPTIONS);
  });
});
