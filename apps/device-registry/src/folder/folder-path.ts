/** Of a folder's path and everything below it: below `/a` is what is from `/a/` to before `/a0`, the next byte after `/`. */
export const below = (path: string): readonly [from: string, before: string] => [`${path}/`, `${path}0`];

export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);

/** Where something within `from` is when `from` is `to`. */
export const movedPath = (
  path: string,
  { from, to }: { readonly from: string; readonly to: string },
): string => to + path.slice(from.length);

export const depthOf = (path: string): number => path.split('/').length - 1;

/** `/a/b` → `/a`, `/a/b`. */
export const everyFolderIn = (path: string): readonly string[] => {
  const names = path.split('/').slice(1);
  return names.map((_name, nth) => `/${names.slice(0, nth + 1).join('/')}`);
};

/** `/a/b` → `/a`; `/a` → undefined. */
export const parentPathOf = (path: string): string | undefined => everyFolderIn(path).at(-2);

export const nameIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
