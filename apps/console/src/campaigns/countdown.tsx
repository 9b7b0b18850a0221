import { useEffect, useState } from 'react';
import { platformTime } from '../api/platform-clock.js';
import { duration, exact } from '../shared/format.js';

/** How long until then, second by second. */
export const Countdown = ({ until }: { readonly until: string }) => {
  const [now, setNow] = useState(() => platformTime());
  useEffect(() => {
    const timer = setInterval(() => setNow(platformTime()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((Date.parse(until) - now) / 1_000);
  return (
    <time dateTime={until} title={exact(Date.parse(until))} className="nowrap">
      {seconds > 0 ? `in ${duration(seconds)}` : 'any moment'}
    </time>
  );
};
