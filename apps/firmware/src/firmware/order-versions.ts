import semver from 'semver';

/**
 * Highest first. Semantic versions by their rules; what is nearly one (`v1.2`, `1.2`) by what it comes to; the rest below,
 * by its text.
 */
export const highestFirst = (a: string, b: string): number => {
  const [left, right] = [parsed(a), parsed(b)];
  if (left !== null && right !== null) return semver.rcompare(left, right) || byText(a, b);
  if (left === null && right === null) return byText(a, b);
  return left === null ? 1 : -1;
};

const parsed = (version: string): semver.SemVer | null =>
  semver.parse(version, { loose: true }) ?? semver.coerce(version, { includePrerelease: true });

const byText = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0);
