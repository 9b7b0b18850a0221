import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { ImportLine } from '@muster/contracts/device-registry/imports.requests';
import { csvRows } from './csv-rows.js';
import { ndjsonRows } from './ndjson-rows.js';

type Reader = (source: AsyncIterable<Buffer>) => AsyncGenerator<ImportLine>;

/** In pieces of so many bytes, as a network may cut it. */
async function* pieces(file: Buffer | string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(file as string);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = async (reader: Reader, file: Buffer | string, size = 7): Promise<ImportLine[]> => {
  const rows: ImportLine[] = [];
  for await (const row of reader(pieces(file, size))) rows.push(row);
  return rows;
};
const fault = async (reader: Reader, file: Buffer | string, size?: number): Promise<string> => {
  try {
    await read(reader, file, size);
  } catch (error) {
    if (error instanceof AppError) return error.detail;
    throw error;
  }
  return 'nothing is wrong';
};

describe('a CSV file of devices', () => {
  it('is read by the names of its columns, with a byte order mark, CRLF and quotes, an empty cell saying nothing', async () => {
    const file = [
      '\uFEFFname,deviceType,tags,metadata.floor,metadata.room,metadata,position.latitude,position.longitude,folder',
      'pump 1,meter,"roof;north",3,"a ""b""\r\nc","{""x"":[1]}",48.5,-2,',
      '',
      '\'=1+1,,,"""5""",null,,,,/paris',
      'é,,,,,,,,',
    ].join('\r\n');
    for (const size of [1, 3, 1_000]) {
      expect(await read(csvRows, file, size)).toEqual([
        {
          line: 2,
          row: {
            name: 'pump 1',
            deviceType: 'meter',
            tags: ['roof', 'north'],
            metadata: { floor: 3, room: 'a "b"\r\nc', x: [1] },
            position: { latitude: 48.5, longitude: -2 },
          },
        },
        { line: 5, row: { name: '=1+1', metadata: { floor: '5', room: null }, folder: '/paris' } },
        { line: 6, row: { name: 'é' } },
      ]);
    }
  });

  it('may end its lines in one way here and in another there', async () => {
    const rows = [
      { line: 2, row: { name: 'a' } },
      { line: 3, row: { name: 'b' } },
      { line: 5, row: { name: 'c' } },
    ];
    for (const file of ['name\r\na\nb\r\n\nc\n', 'name\na\r\nb\n\r\nc', 'name\ra\rb\r\rc\r'])
      expect(await read(csvRows, file, 1_000)).toEqual(rows);
  });

  it('has desired values as it has metadata, of whatever key', async () => {
    const file =
      'name,desired.interval,desired.net.mode,desired\na,60,null,"{""limits"":{""high"":5}}"\nb,,,\n';
    expect(await read(csvRows, file, 1_000)).toEqual([
      { line: 2, row: { name: 'a', desired: { interval: 60, 'net.mode': null, limits: { high: 5 } } } },
      { line: 3, row: { name: 'b' } },
    ]);
  });

  it.each([
    ['', /^line 1: must name the columns: id, name/],
    ['name,colour\na,b', /^line 1, column 2: "colour" is not a known column; these are: id, name/],
    ['name;deviceType\na;b', /^line 1, column 1: must have commas between its columns, has semicolons$/],
    ['name\tdeviceType\na\tb', /^line 1, column 1: must have commas between its columns, has tabs$/],
    [';', /^line 1, column 1: must have commas between its columns, has semicolons$/],
    ['name,name\na,b', /^line 1, column 2: "name" is named twice/],
    ['name,__proto__\na,b', /^line 1, column 2: "__proto__" is not a known column/],
    ['name,tags\na,b,c', /^line 2: has 3 cells, and the first line names 2 columns/],
    ['name\na\n"b\nc\nd', /^line 3: a quote is opened and not closed/],
    ['name\n"a\r\na"\n"b\nc\nd', /^line 4: a quote is opened and not closed/],
    ['name,folder\na,/b\nc,/d\u0000', /^line 3, column 2: must not contain the character U\+0000/],
    ['na\u0000me\na', /^line 1, column 1: must not contain the character U\+0000/],
    ['name\na\nb"c"', /^line 3, column 1: a quote inside of a cell must be doubled/],
    ['name,metadata\na,{', /^line 2, column 2: must be JSON/],
    ['name,metadata.n\na,9007199254740993', /^line 2, column 2: must be a number that is kept exactly/],
    [
      Buffer.concat([Buffer.from('name\na\nxy'), Buffer.from([0xff, 0x0a])]),
      /^line 3, column 3: must be UTF-8 text/,
    ],
    [
      Buffer.concat([Buffer.from('name\na\nxy'), Buffer.from([0xc3])]),
      /^line 3, column 3: must be UTF-8 text/,
    ],
  ])('that begins %j is refused with its place', async (file, message) => {
    expect(await fault(csvRows, file)).toMatch(message);
  });

  it('with a row that is too long is refused with the place where the row begins', async () => {
    const lines = (row: string): string => `name\na\n${row}`;
    expect(await fault(csvRows, lines(`"${'b\n'.repeat(200_000)}`), 65_536)).toMatch(
      /^line 3: a row may have at most 262144 bytes; perhaps a quote is opened and not closed/,
    );
    expect(await fault(csvRows, lines('b'.repeat(400_000)), 65_536)).toMatch(
      /^line 3: must have at most 262144 bytes/,
    );
  });
});

describe('a file of JSON lines', () => {
  it('has an object on each line, and nothing where a line is empty', async () => {
    expect(await read(ndjsonRows, '\uFEFF{"name":"é"}\r\n\n{"name":"b","tags":[]}')).toEqual([
      { line: 1, row: { name: 'é' } },
      { line: 3, row: { name: 'b', tags: [] } },
    ]);
  });

  it.each([
    ['{"name":"a"}\n{', /^line 2: must be JSON/],
    ['{"name":"a","name":"b"}', /^line 1: name .*twice/],
    ['[]', /^line 1: must be a JSON object/],
    ['{"colour":1}', /^line 1: colour is not a known field; these are: /],
    ['{"metadata":{"n":1e999}}', /^line 1: metadata\.n /],
    [Buffer.from([0x7b, 0xff]), /^line 1, column 2: must be UTF-8 text/],
  ])('that has %j is refused with its line', async (file, message) => {
    expect(await fault(ndjsonRows, file)).toMatch(message);
  });
});
