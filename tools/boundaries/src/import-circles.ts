/** Which files a file imports, among those that are looked at. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/**
 * The import circles: for each group of files that reach each other, its shortest circle through the group's first file
 * by name. Type-only imports count too: they cost nothing when it runs, and just as much when one reads.
 */
export const importCircles = (imports: Imports): string[][] => {
  const files = [...imports.keys()].sort();
  const inACircle = new Set<string>();
  return files.flatMap((file) => {
    if (inACircle.has(file)) return [];
    const circle = shortestWay(imports, file, file);
    if (circle === undefined) return [];
    for (const other of files) {
      if (shortestWay(imports, file, other) && shortestWay(imports, other, file)) inACircle.add(other);
    }
    return [circle];
  });
};

/** The files on the way, both ends included; a way from a file to itself has at least one import. */
const shortestWay = (imports: Imports, from: string, to: string): string[] | undefined => {
  const ways = [[from]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const next of imports.get(way.at(-1) ?? from) ?? []) {
      if (next === to) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
};
