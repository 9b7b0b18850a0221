import { describe, expect, it } from '@jest/globals';
import { placeAt, suggestionsFor, taken, valueSuggestions, type KnownField } from './suggest.js';

const FIELDS: readonly KnownField[] = [
  { name: 'name', operators: ['==', '!=', '=in='] },
  { name: 'interface', operators: ['==', '!='], values: ['mqtt', 'http'] },
  { name: 'connected', operators: ['==', '=exists='] },
  { name: 'metadata.<key>', operators: ['==', '>'], keys: ['floor', 'a=b'] },
];

/** What is offered at the `|`. */
const offered = (text: string): readonly string[] => {
  const caret = text.indexOf('|');
  const place = placeAt(text.replace('|', ''), caret);
  return suggestionsFor(place, FIELDS).map((suggestion) => suggestion.text);
};

const kindAt = (text: string): string => placeAt(text.replace('|', ''), text.indexOf('|')).kind;

describe('what is suggested in a filter', () => {
  it('is a field at its beginning, behind a separator and in parentheses', () => {
    expect(offered('|')).toEqual(['name', 'interface', 'connected', 'metadata.floor', 'metadata."a=b"']);
    expect(offered('con|')).toEqual(['connected']);
    for (const before of ['name==a;', 'name==a,', 'name==a and ', '(', 'name=in=(a,b);(']) {
      expect(offered(`${before}int|`)).toEqual(['interface']);
    }
  });

  it('finds a field by the middle of its name too, behind those that begin so', () => {
    expect(offered('me|')).toEqual(['metadata.floor', 'metadata."a=b"', 'name']);
  });

  it('is an operator of the field once its name is whole', () => {
    expect(offered('interface|')).toEqual(['interface==', 'interface!=']);
    expect(offered('name=|')).toEqual(['==', '=in=(']);
    expect(offered('metadata."a=b" |')).toEqual(['==', '>']);
  });

  it('is a value behind the operator, also in a list', () => {
    expect(offered('interface==h|')).toEqual(['http']);
    expect(offered('connected==|')).toEqual(['true', 'false']);
    expect(placeAt('name=in=(a,b', 12)).toEqual({
      kind: 'value',
      from: 11,
      to: 12,
      typed: 'b',
      field: 'name',
    });
  });

  it('is not misled by quotes', () => {
    expect(kindAt('name=="a;b|')).toBe('value');
    expect(kindAt('name=="a;b";|')).toBe('field');
    expect(kindAt("name=='it\\'s;|")).toBe('value');
  });

  it('takes the place of what was typed, and quotes values that need it', () => {
    const place = placeAt('name==pu', 8);
    const [spaced, number] = valueSuggestions(
      [
        { value: 'pump 1', devices: 3 },
        { value: '5', devices: 1 },
      ],
      String,
    );
    expect(taken('name==pu', place, spaced!)).toEqual({ text: 'name=="pump 1"', caret: 14 });
    expect(number).toEqual({ text: '"5"', shown: '5', beside: '1' });
  });
});
