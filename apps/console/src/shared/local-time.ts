/** What an input of a day and a time holds, in the browser's zone. Empty: nothing. */
export const toLocal = (iso: string | undefined): string => {
  if (iso === undefined) return '';
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

/** Undefined: nothing is written, or no time. */
export const fromLocal = (text: string): string | undefined => {
  const at = new Date(text);
  return text === '' || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
};

/** The browser's zone, by its name. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
