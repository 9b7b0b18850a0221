import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts/errors';
import fc from 'fast-check';
import { matches } from './matches.js';
import { texts } from './print.fixture.js';
import { operatorsOf, readFilter } from './read-filter.js';
import { THINGS } from './things.fixture.js';
import { toSql } from './to-sql.js';

const refused = (text: string): string => {
  try {
    readFilter(text, THINGS);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid-filter') return error.detail;
    throw error;
  }
  throw new Error(`${text} was read`);
};

describe('a filter over fields that a service declared', () => {
  it.each([
    [
      'colour==red',
      'position 1: found "colour", expected a known field: name, side, folder, weight, alive, seenAt, tags, metadata.<key>',
    ],
    ['name==a;toString==red', 'position 9: found "toString", expected a known field'],
    ['name.x==a', 'position 1: found "name.x", expected a known field'],
    ['metadata==a', 'position 1: found "metadata", expected metadata.<key>, the key of letters'],
    ['metadata.a.b==a', 'position 1: found "metadata.a.b", expected metadata.<key>'],
    ['tags<a', 'position 5: found "<" with tags, expected one of == != =in= =out= =exists='],
    ['side>left', 'position 5: found ">" with side, expected one of == != =in= =out= =exists='],
    ['alive>true', 'position 6: found ">" with alive, expected one of == != =exists='],
    ['side==lft', 'position 7: found "lft", expected one of left, right'],
    ['side=in=(left,lft)', 'position 15: found "lft", expected one of left, right'],
    ['weight==heavy', 'position 9: found "heavy", expected a number such as 21.5'],
    ['weight==0x10', 'position 9: found "0x10", expected a number'],
    ['weight==1e999', 'position 9: found "1e999", expected a number'],
    ['weight==1*', 'position 9: found "1*", expected a number'],
    ['alive==yes', 'position 8: found "yes", expected true or false'],
    ['name=exists=yes', 'position 13: found "yes", expected true or false'],
    ['seenAt<yesterday', 'position 8: found "yesterday", expected a time such as 2026-11-01T00:00:00Z'],
    ['seenAt<2026-11-01T00:00:00', 'position 8: found "2026-11-01T00:00:00", expected a time'],
    ['seenAt<2026-02-30', 'position 8: found "2026-02-30", expected a time'],
    ['seenAt<2026-11-01T25:00Z', 'position 8: found "2026-11-01T25:00Z", expected a time'],
    ['seenAt<0000-01-01', 'position 8: found "0000-01-01", expected a time'],
    ['name<a*', 'position 6: found the wildcard * in "a*", expected a value without one after <'],
  ])('%s is refused: %s', (text, detail) => {
    expect(refused(text)).toContain(detail);
  });

  it('shows of what was found no more than fits a line', () => {
    expect(refused(`${'x'.repeat(500)}==1`).length).toBeLessThan(250);
  });

  it('brings values into SQL as parameters only', () => {
    const marked = fc.tuple(texts, texts).map(([before, after]) => `${before}qZq${after}`);
    const selectors = fc.constantFrom('name', 'folder', 'tags', 'metadata.k');
    const operators = fc.constantFrom('==', '!=', '<', '=in=');
    fc.assert(
      fc.property(selectors, operators, marked, (selector, operator, value) => {
        fc.pre(!(selector === 'tags' && operator === '<'));
        const quoted = `"${value.replace(/[\\"*]/g, '\\$&')}"`;
        const text = `${selector}${operator}${operator === '=in=' ? `(${quoted},${quoted})` : quoted}`;
        const values: unknown[] = [];
        const sql = toSql(readFilter(text, THINGS), (bound) => `$${values.push(bound)}`);
        expect(sql.replaceAll(/'string'|'number'|"C"/g, '')).not.toMatch(/qZq|["']/);
        expect(JSON.stringify(values)).toContain('qZq');
      }),
    );
    const key: unknown[] = [];
    expect(toSql(readFilter('metadata.qZq=exists=true', THINGS), (bound) => `$${key.push(bound)}`)).toBe(
      'metadata ? $1::text',
    );
    expect(key).toEqual(['qZq']);
  });

  it('knows the operators of a field', () => {
    expect(operatorsOf(THINGS.weight)).toEqual([
      '==',
      '!=',
      '<',
      '<=',
      '>',
      '>=',
      '=in=',
      '=out=',
      '=exists=',
    ]);
    expect(operatorsOf(THINGS.side)).toEqual(['==', '!=', '=in=', '=out=', '=exists=']);
  });
});

const thing = {
  name: 'pump 1*',
  side: 'left',
  folder: '/paris/north',
  weight: 21.5,
  alive: null,
  seenAt: '2026-11-01T10:00:00.123Z',
  tags: ['roof', 'zone-1'],
  metadata: {
    region: 'eu',
    floor: 3,
    version: '1.10',
    heated: true,
    owner: null,
    rack: { row: 1 },
    list: ['eu'],
  },
};

describe('a filter holds', () => {
  it.each([
    ['name=="pump 1\\*"', true],
    ['name==pump*', true],
    ['name==*1*', true],
    ['name==PUMP*', false],
    ['name=="pump *1\\**"', true],
    ['name>pump', true],
    ['folder==/paris', false],
    ['folder==/paris/north', true],
    ['folder==/paris/*', true],
    ['folder==/paris/north/*', true],
    ['folder==/par/*', false],
    ['folder==/*', true],
    ['folder!=/lyon/*', true],
    ['weight==21.50', true],
    ['weight>21;weight<=21.5', true],
    ['weight=in=(1,21.5)', true],
    ['alive==true', false],
    ['alive!=true', true],
    ['alive==false', false],
    ['alive=exists=false', true],
    ['seenAt==2026-11-01T11:00:00.123+01:00', true],
    ['seenAt<2026-11-02', true],
    ['seenAt<=2026-11-01T10:00:00.122Z', false],
    ['tags==roof', true],
    ['tags==zone-*', true],
    ['tags!=roof', false],
    ['tags=in=(cellar,roof)', true],
    ['tags=out=(cellar,attic)', true],
    ['metadata.region==eu', true],
    ['metadata.region!=us', true],
    ['metadata.floor==3', true],
    ['metadata.floor==3.0', true],
    ['metadata.floor=="3"', false],
    ['metadata.floor>2', true],
    ['metadata.floor>10', false],
    ['metadata.version>1.2', false],
    ['metadata.version==1.1', false],
    ['metadata.version==1.10', true],
    ['metadata.heated==true', true],
    ['metadata.heated=="true"', false],
    ['metadata.owner==null', true],
    ['metadata.owner=exists=true', true],
    ['metadata.nothing==x', false],
    ['metadata.nothing!=x', true],
    ['metadata.nothing<x', false],
    ['metadata.nothing=exists=false', true],
    ['metadata.toString=exists=true', false],
    ['metadata.rack==*', false],
    ['metadata.list==eu', false],
    ['name==x,folder==/paris/north;weight==21.5', true],
    ['(name==x,folder==/paris/north);weight==1', false],
  ])('%s: %s', (text, expected) => {
    expect(matches(readFilter(text, THINGS), thing)).toBe(expected);
  });
});

describe('the order of texts', () => {
  it('is by code point, as in PostgreSQL, also beyond U+FFFF', () => {
    const filter = readFilter('name>\uFFFD', THINGS);
    expect(matches(filter, { name: '\u{1F600}' })).toBe(true);
    expect(matches(filter, { name: '\uE000' })).toBe(false);
  });
});
