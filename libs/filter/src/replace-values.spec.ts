import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse } from './parse.js';
import { expressions, print, withoutPositions } from './print.fixture.js';
import { replaceValues } from './replace-values.js';

const moved = (text: string): string =>
  replaceValues(text, 'folder', ([first = '', ...rest]) =>
    first.startsWith('/a') ? [`/b c${first.slice(2)}`, ...rest] : undefined,
  );

describe('replaceValues', () => {
  it.each([
    ['folder==/a', 'folder=="/b c"'],
    [
      '  folder == /a/*  and (tags==x or folder=out=( "/a/y", /z ))',
      '  folder == "/b c/*"  and (tags==x or folder=out=( "/b c/y", /z ))',
    ],
    [String.raw`folder!='/a\*"*'`, String.raw`folder!="/b c\*\"*"`],
    ['name=="\u{1F600}";folder==/a;folder==/a', 'name=="\u{1F600}";folder=="/b c";folder=="/b c"'],
  ])('%s', (text, expected) => {
    expect(moved(text)).toBe(expected);
  });

  it('leaves other fields, orders, and what is to stay as they were typed', () => {
    const text = ` name==/a ; folder<"/a" ; folder=exists=true ; folder== /z , metadata.folder==/a`;
    expect(moved(text)).toBe(text);
  });

  it('writes what is read back as what was meant, whatever the texts are', () => {
    fc.assert(
      fc.property(expressions, (expression) => {
        const text = print(expression);
        const read = (written: string): string =>
          JSON.stringify(withoutPositions(parse(written)), (key, value: unknown) =>
            key === 'quoted' ? undefined : value,
          );
        expect(read(replaceValues(text, 'name', (pieces) => pieces))).toBe(read(text));
      }),
    );
  });
});
