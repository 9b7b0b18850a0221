import { wrongName } from '@muster/contracts/names';

const LONGEST = 255;

/**
 * The name of a file as its sender means it: the last part of a path, of whatever system. `wrong` says why that is no name:
 * nothing is left, or it has control or bidirectional characters.
 */
export const fileNameIn = (given: string): { readonly name: string; readonly wrong?: string } => {
  const name = given.split(/[/\\]/).at(-1) ?? '';
  const wrong = /^\.{0,2}$/.test(name) ? 'must be the name of a file' : wrongName(name, LONGEST);
  return wrong === undefined ? { name } : { name, wrong };
};

/** What a receiver may call a file, whatever is stored: never a path, a hidden file or a character that hides another. */
export const safeFileName = (stored: string): string => {
  const { name } = fileNameIn(stored);
  const shown = [...name]
    .map((character) => (wrongName(`x${character}x`, 4) === undefined ? character : '_'))
    .join('')
    .replace(/^\.+/, '_')
    .trim();
  return shown === '' ? 'file' : shown.slice(-LONGEST);
};
