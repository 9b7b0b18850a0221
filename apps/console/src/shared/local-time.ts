/** What an input of a day and a time holds, in the browser's zone. Empty: nothing. */
export const toLocal = (iso: string | undefined, to: 'minutes' | 'seconds' = 'minutes'): string => {
  if (iso === undefined) return '';
  const at = new Date(iso);
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
  return local.slice(0, to === 'minutes' ? 16 : 19);
};

/**
 * Undefined: nothing is written, or no time. `was` is the time that the input began with: where nobody touched the text it is
 * that time, with the seconds that the input does not show.
 */
export const fromLocal = (text: string, was?: string): string | undefined => {
  if (was !== undefined && text === toLocal(was)) return was;
  const at = new Date(text);
  return text === '' || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
};

/** The browser's zone, by its name. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
