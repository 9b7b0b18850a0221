/** Numbers, sizes and times as they are shown. The language is the browser's, the clock has 24 hours. */
const integers = new Intl.NumberFormat();
export const count = (value: number): string => integers.format(value);

const decimals = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
/** To one digit. All and none are said only where it is all or none: one device of 100,000 is not rounded away. */
export const percent = (part: number, whole: number): string => {
  if (whole === 0) return '–';
  const share = (part / whole) * 100;
  if (part > 0 && share < 0.05) return `< ${decimals.format(0.1)} %`;
  if (part < whole && share >= 99.95) return `> ${decimals.format(99.9)} %`;
  return `${decimals.format(share)} %`;
};

export const bytes = (value: number): string => {
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${decimals.format(value / 1024)} KB`;
  if (value < 1024 ** 3) return `${decimals.format(value / 1024 ** 2)} MB`;
  return `${decimals.format(value / 1024 ** 3)} GB`;
};

/** `1 d 3 h`, `4 min 10 s`: the two largest units, the smaller of them rounded. */
export const duration = (seconds: number): string => {
  const whole = Math.round(seconds);
  if (whole < 60) return `${decimals.format(seconds)} s`;
  if (whole < 3_600) return both(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(whole / 60);
  if (minutes < 1_440) return both(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(whole / 3_600);
  return both(Math.floor(hours / 24), 'd', hours % 24, 'h');
};

const both = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;

const relativeTimes = new Intl.RelativeTimeFormat(undefined, { numeric: 'always', style: 'short' });

/** `3 min. ago`, `in 2 hr.`; `now` within five seconds. */
export const relative = (at: number, now: number): string => {
  const seconds = (at - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return 'now';
  // The unit by the rounded number: never `60 min. ago`.
  if (Math.round(size) < 60) return relativeTimes.format(Math.round(seconds), 'second');
  if (Math.round(size / 60) < 60) return relativeTimes.format(Math.round(seconds / 60), 'minute');
  if (Math.round(size / 3_600) < 24) return relativeTimes.format(Math.round(seconds / 3_600), 'hour');
  return relativeTimes.format(Math.round(seconds / 86_400), 'day');
};

/** The month by its name: 12/01 is the first of December to one, and the twelfth of January to another. */
const exactTimes = new Intl.DateTimeFormat(undefined, {
  ...{ year: 'numeric', month: 'short', day: 'numeric' },
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short' },
});
export const exact = (at: number): string => exactTimes.format(at);

/** A sentence of the platform with its moments as all others on the page are: in the zone of who looks. */
export const withOwnTimes = (sentence: string): string =>
  sentence.replaceAll(/\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z| UTC)/g, (_, day, time) =>
    exact(Date.parse(`${String(day)}T${String(time)}Z`)),
  );

const clocks = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const days = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const clocksToTheSecond = new Intl.DateTimeFormat(undefined, {
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
});
/** For the axis of a chart: the day where the day begins, else the clock, to the second where a tick is less than a minute. */
export const tick = (at: number, stepSeconds: number): string => {
  const date = new Date(at);
  if (stepSeconds < 60) return clocksToTheSecond.format(at);
  return date.getHours() === 0 && date.getMinutes() === 0 ? days.format(at) : clocks.format(at);
};
const daysOfYears = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
/** The clock, with the day where it is not today's, and the year where it is not this one. */
export const clock = (at: number, now: number): string => {
  const then = new Date(at);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return clocks.format(at);
  const day = then.getFullYear() === today.getFullYear() ? days : daysOfYears;
  return `${day.format(at)}, ${clocks.format(at)}`;
};
export const dayAndSeconds = (at: number): string => `${days.format(at)}, ${clocksToTheSecond.format(at)}`;

const numbers = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
/** A measured number; six digits of it. */
export const number = (value: number): string => numbers.format(value);

/** A value as JSON, which tells the text "5" from the number 5. */
export const json = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(value));
