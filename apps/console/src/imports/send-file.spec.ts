import { describe, expect, it } from '@jest/globals';
import { mediaTypeOf } from './send-file.js';

describe('a file of devices', () => {
  it('is sent as what its name says', () => {
    const names = ['pumps.csv', 'PUMPS.CSV', 'a.b.ndjson', 'lines.jsonl', 'pumps.xlsx', 'csv', ''];
    expect(names.map(mediaTypeOf)).toEqual([
      ...['text/csv', 'text/csv', 'application/x-ndjson', 'application/x-ndjson'],
      ...[undefined, undefined, undefined],
    ]);
  });
});
