import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { readableMetadata, type MetadataRules } from './metadata-access.js';

const rules: MetadataRules = { metadataKeys: { secret: { readable: false }, serial: { writable: false } } };
const metadata = { floor: 3, secret: 's', serial: 'S-1', connected: true, nothing: null };

describe('readableMetadata', () => {
  it('leaves out what the device may not read', () => {
    expect(readableMetadata(metadata, rules, undefined)).toEqual({
      floor: 3,
      serial: 'S-1',
      connected: true,
      nothing: null,
    });
  });

  it('answers the keys asked for that are there', () => {
    expect(readableMetadata(metadata, rules, ['floor', 'never', 'nothing'])).toEqual({
      floor: 3,
      nothing: null,
    });
    expect(readableMetadata(metadata, rules, [])).toEqual({});
  });

  it('refuses a key the device may not read, whether or not it is there', () => {
    for (const from of [metadata, {}]) {
      expect(() => readableMetadata(from, rules, ['floor', 'secret'])).toThrow(AppError);
    }
    const closed = { ...rules, undeclaredMetadataKeys: { readable: false } };
    expect(() => readableMetadata(metadata, closed, ['floor'])).toThrow('The device may not read floor.');
    expect(readableMetadata(metadata, closed, undefined)).toEqual({ serial: 'S-1' });
  });
});
