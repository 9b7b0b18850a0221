import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts/errors';
import fc from 'fast-check';
import {
  MAX_COMPARISONS,
  MAX_FILTER_DEPTH,
  MAX_FILTER_LENGTH,
  MAX_LIST_VALUES,
  parse,
  type Comparison,
} from './parse.js';
import { expressions, print, withoutPositions } from './print.fixture.js';

const read = (text: string): unknown => withoutPositions(parse(text));

const refused = (text: string): AppError => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error(`${text} was read`);
};

describe('a filter', () => {
  it('survives being written and read', () => {
    fc.assert(
      fc.property(expressions, (expression) => {
        const text = print(expression);
        fc.pre(text.length <= MAX_FILTER_LENGTH);
        expect(read(text)).toEqual(expression);
      }),
      { numRuns: 500 },
    );
  });

  it('is read or refused as invalid-filter, whatever it is', () => {
    const pieces = fc.constantFrom(...`ab.*\\"'(),;=!<> `, '==', '=in=(', ' and ', '=x=', '\0', '\ud800');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        try {
          parse(parts.join(''));
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid-filter', status: 400 });
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['a==1;b==2,c==3', '(a==1;b==2),c==3', '; binds tighter than ,'],
    ['a==1 and b==2 or c==3', '(a==1;b==2),c==3', 'words for signs'],
    [' a == 1 ;( b =in= ( x , y ) ) ', 'a==1;b=in=(x,y)', 'white space between everything'],
    ['(a==1)and(b==2)', 'a==1;b==2', 'a word beside parentheses'],
    ['a=lt=1;a=le=1;a=gt=1;a=ge=1', 'a<1;a<=1;a>1;a>=1', 'the other spelling of an order'],
    ['a."b"==1', 'a.b==1', 'a key in quotes'],
    [`a.'b c'=='d'`, `a."b c"=="d"`, 'a key with a space'],
    ['and==or', 'and==or', 'a field and a value called as words are'],
    [`a=='it\\'s'`, `a=="it's"`, 'both quotes'],
    ['a==b\\;c', 'a==b\\;c', 'an escape outside quotes'],
  ])('%s is %s: %s', (text, same) => {
    expect(read(text)).toEqual(read(same));
  });

  it('has wildcards and their absence, inside quotes too', () => {
    const pieces = (text: string) => (parse(text) as Comparison).values[0]?.pieces;
    expect(pieces('a==x*y')).toEqual(['x', 'y']);
    expect(pieces('a=="x y*"')).toEqual(['x y', '']);
    expect(pieces('a==x\\*y')).toEqual(['x*y']);
    expect(pieces('a=="\\*\\\\*"')).toEqual(['*\\', '']);
    expect(pieces('a==""')).toEqual(['']);
  });
});

describe('a filter that cannot be read', () => {
  it.each([
    ['', 1, 'the end'],
    ['   ', 4, 'the end'],
    ['name', 5, 'the end'],
    ['name=pump', 5, '"="'],
    ['name=like=pump', 5, '"=like="'],
    ['name==', 7, 'the end'],
    ['name==a b', 9, '"b"'],
    ['name==a=b', 8, '"="'],
    ['name==a;', 9, 'the end'],
    ['name==a;;b==c', 9, '";"'],
    ['(name==a', 9, 'the end'],
    ['name==a)', 8, '")"'],
    ['name==(a,b)', 7, '"("'],
    ['name=in=a', 9, '"a"'],
    ['name=in=()', 10, '")"'],
    ['name=in=(a,', 12, 'the end'],
    ['name=="a', 9, 'the end'],
    ['name==a\\', 8, '"\\"'],
    ['\u{1F600}==a\0', 5, 'U+0000 or half of a surrogate pair'],
    ['\u{1F600}==a=', 5, '"="'],
    ['a."b*"==1', 3, 'the wildcard * in a key'],
    ['a."b==1', 8, 'the end'],
    ['a"b"==1', 2, '"""'],
  ])('%j is told where: %i, %s', (text, position, found) => {
    const { detail, errors } = refused(text);
    expect(errors).toEqual([
      { path: 'filter', message: expect.stringMatching(`^position ${position}: found `) as unknown },
    ]);
    expect(detail).toContain(`found ${found}, expected `);
  });

  it.each([
    ['longer', `name==${'a'.repeat(MAX_FILTER_LENGTH)}`, 'is longer than 4096 characters'],
    ['deeper', '('.repeat(MAX_FILTER_DEPTH + 1) + 'a==1', 'at most 16 parentheses in each other'],
    [
      'of more comparisons',
      Array(MAX_COMPARISONS + 1)
        .fill('a==1')
        .join(),
      'more than 64 comparisons',
    ],
    [
      'with a longer list',
      `a=in=(${Array(MAX_LIST_VALUES + 1)
        .fill('x')
        .join()})`,
      'at most 200 values',
    ],
  ])('is told the limit when it is %s', (_what, text, rule) => {
    expect(refused(text).detail).toContain(rule);
  });

  it('is still read at its limits', () => {
    for (const text of [
      `name==${'a'.repeat(MAX_FILTER_LENGTH - 6)}`,
      '('.repeat(MAX_FILTER_DEPTH) + 'a==1' + ')'.repeat(MAX_FILTER_DEPTH),
      Array(MAX_COMPARISONS).fill('a==1').join(),
      `a=in=(${Array(MAX_LIST_VALUES).fill('x').join()})`,
    ]) {
      expect(() => parse(text)).not.toThrow();
    }
  });
});
