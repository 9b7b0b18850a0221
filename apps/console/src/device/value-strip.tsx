import { exact, json } from '../shared/format.js';
import type { Strip } from './course.js';

/** Values that are no numbers: which one there was from when to when. Where there is none, nothing is known. */
export const ValueStrip = ({
  strip: { key, stretches },
  from,
  to,
  label,
  of,
}: {
  readonly strip: Strip;
  /** Epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly of?: string;
}) => {
  const place = (at: number): number => (100 * (Math.min(to, Math.max(from, at)) - from)) / (to - from);
  return (
    <div className="strip">
      <div className="anywhere">
        {key === '' ? '(the empty key)' : key}
        {of !== undefined && <span className="dim"> {of}</span>}
      </div>
      <div className="strip-values" role="img" aria-label={label}>
        {stretches
          .filter((stretch) => stretch.to >= from && stretch.from <= to)
          .map((stretch, index) => (
            <span
              key={index}
              style={{
                left: `${place(stretch.from)}%`,
                width: `${place(stretch.to) - place(stretch.from)}%`,
              }}
              title={`${json(stretch.value)}\n${exact(stretch.from * 1_000)} – ${exact(stretch.to * 1_000)}`}
            >
              {json(stretch.value)}
            </span>
          ))}
      </div>
    </div>
  );
};
