import { describe, expect, it } from '@jest/globals';
import { editOf, namedValues, repeated, rowsOfRules, rulesOfRows, type TypeDraft } from './type-settings.js';

const OPENED: TypeDraft = {
  name: 'heater',
  description: 'warm',
  settings: { plainTelemetry: true, minTokenLength: 6, metadataKeys: { floor: { writable: false } } },
};

describe('the edit of a type', () => {
  it('says nothing where nothing was changed', () => {
    expect(editOf(OPENED, { ...OPENED, settings: { ...OPENED.settings } })).toEqual({});
  });

  it('says what was changed, and null for what has its default again', () => {
    const draft: TypeDraft = {
      name: 'radiator',
      settings: { minTokenLength: 6, unsetClock: 'skip', metadataKeys: { floor: { writable: true } } },
    };
    expect(editOf(OPENED, draft)).toEqual({
      name: 'radiator',
      description: null,
      settings: { plainTelemetry: null, unsetClock: 'skip', metadataKeys: { floor: { writable: true } } },
    });
  });

  it('is shown by the names of what it changes', () => {
    expect(namedValues(OPENED)).toEqual({
      name: '"heater"',
      description: '"warm"',
      plainTelemetry: 'true',
      minTokenLength: '6',
      metadataKeys: '{"floor":{"writable":false}}',
    });
  });
});

describe('rules for keys of metadata', () => {
  it('are rows and back, where both are allowed unless it is said', () => {
    const rows = rowsOfRules({ floor: { writable: false }, room: {} });
    expect(rows).toEqual([
      { key: 'floor', readable: true, writable: false },
      { key: 'room', readable: true, writable: true },
    ]);
    expect(rulesOfRows(rows)).toEqual({
      floor: { readable: true, writable: false },
      room: { readable: true, writable: true },
    });
  });

  it('are none where no row has a key, and name a key that is there twice', () => {
    const row = (key: string) => ({ key, readable: true, writable: true });
    expect(rulesOfRows([row(' ')])).toBeUndefined();
    expect(repeated([row('a'), row('b'), row('a '), row(''), row('')])).toEqual(['a']);
  });
});
