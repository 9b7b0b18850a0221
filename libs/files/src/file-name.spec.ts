import { describe, expect, it } from '@jest/globals';
import { fileNameIn, safeFileName } from './file-name.js';

describe('the name of a file', () => {
  it.each([
    ['log.txt', 'log.txt'],
    ['../../x', 'x'],
    ['C:\\data\\log 1.txt', 'log 1.txt'],
    ['/etc/passwd', 'passwd'],
    ['журнал.txt', 'журнал.txt'],
  ])('in %j is %j', (given, name) => expect(fileNameIn(given)).toEqual({ name }));

  it.each(['', '..', 'a/', 'a/..', '.', 'a\nb', 'a\u0000', 'x\u202Etxt.exe', ' '])(
    'is not in %j',
    (given) => {
      expect(fileNameIn(given).wrong).toBeDefined();
    },
  );

  it.each([
    ['log.txt', 'log.txt'],
    ['../../x', 'x'],
    ['..', '_'],
    ['.bashrc', '_bashrc'],
    ['a\r\nSet-Cookie: b', 'a__Set-Cookie: b'],
    ['x\u202Etxt.exe', 'x_txt.exe'],
    ['a/', 'file'],
    ['😀.png', '😀.png'],
  ])('that is stored as %j is sent as %j', (stored, sent) => expect(safeFileName(stored)).toBe(sent));
});
