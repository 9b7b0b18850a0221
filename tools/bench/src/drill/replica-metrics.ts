import type { Replica } from '@muster/launcher';

/** The sums of counters of a process, over all their labels. */
export const countersOf = async (
  { opsUrl }: Replica,
  names: readonly string[],
): Promise<Readonly<Record<string, number>>> => {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const sums: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
  for (const line of text.split('\n')) {
    const [, name, value] = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name !== undefined && name in sums) sums[name] = (sums[name] ?? 0) + Number(value);
  }
  return sums;
};
