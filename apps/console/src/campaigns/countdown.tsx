import { useEffect, useState } from 'react';
import { duration, exact } from '../shared/format.js';

/** How long until then, second by second. */
export const Countdown = ({ until }: { readonly until: string }) => {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((Date.parse(until) - now) / 1_000);
  return (
    <time dateTime={until} title={exact(Date.parse(until))} className="nowrap">
      {seconds > 0 ? `in ${duration(seconds)}` : 'any moment'}
    </time>
  );
};
