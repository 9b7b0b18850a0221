/** The value below which `share` (0–1) of the values lie; nearest rank. */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
};

export const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;

/** `12,345/s` */
export const rate = (perSecond: number): string => `${Math.round(perSecond).toLocaleString('en')}/s`;

export const share = (part: number, whole: number): string => `${Math.round((part / whole) * 100)} %`;

/** A table for the terminal and, as it is, for docs/performance.md. */
export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
