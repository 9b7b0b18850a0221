import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dayAndClock, tick } from './format.js';

const COLOURS = {
  light: ['#0b5cad', '#b35309', '#18713a', '#8a2be2', '#bd1f2b', '#57606a'],
  dark: ['#6cb2ff', '#f0a860', '#4cc163', '#c9a0ff', '#ff7b72', '#9aa4af'],
} as const;
const HEIGHT_PX = 280;

/** A moment that is marked with a line across. */
export interface Mark {
  /** Epoch seconds. */
  readonly at: number;
  readonly name: string;
}

/** Lines over time. Dragging across chooses a time: `onRange` gets both ends in epoch milliseconds. */
export const Chart = ({
  label,
  names,
  data,
  from,
  to,
  marks = [],
  onRange,
}: {
  readonly label: string;
  readonly names: readonly string[];
  readonly data: uPlot.AlignedData;
  /** Epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly marks?: readonly Mark[];
  readonly onRange?: (from: number, to: number) => void;
}) => {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  const chosen = useRef(onRange);
  useEffect(() => {
    chosen.current = onRange;
  });
  const drawn = useRef<uPlot>(null);
  const latest = useRef(data);
  const rangeOf = useRef<[number, number]>([from, to]);
  useEffect(() => {
    latest.current = data;
    rangeOf.current = [from, to];
    drawn.current?.setData(data);
  }, [data, from, to]);
  const series = names.join('\n');
  const marked = JSON.stringify(marks);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue('--mantine-color-dimmed').trim();
    const line = style.getPropertyValue('--line').trim();
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        series: [
          { value: (_plot, at: number | null) => (at === null ? '–' : dayAndClock(at * 1000)) },
          ...series.split('\n').map((name, index) => ({
            label: name,
            stroke: COLOURS[scheme][index % COLOURS[scheme].length] ?? ink,
            width: 1.5,
            spanGaps: false,
            points: { size: 4 },
          })),
        ],
        // uPlot's own texts have the 12-hour clock of the US.
        axes: [{ ...axis, values: (_plot, ticks) => ticks.map((at) => tick(at * 1000)) }, axis],
        scales: { x: { range: () => rangeOf.current } },
        cursor: { drag: { x: true, y: false, setScale: false } },
        hooks: {
          setSelect: [
            (self) => {
              if (self.select.width < 4) return;
              const begin = self.posToVal(self.select.left, 'x');
              const end = self.posToVal(self.select.left + self.select.width, 'x');
              self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              chosen.current?.(begin * 1000, end * 1000);
            },
          ],
          draw: [(self) => drawMarks(self, JSON.parse(marked) as Mark[], ink)],
        },
      },
      latest.current,
      element,
    );
    drawn.current = plot;
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
      drawn.current = null;
    };
  }, [series, scheme, marked]);
  return <div ref={place} role="img" aria-label={label} className="chart-place" />;
};

const drawMarks = (plot: uPlot, marks: readonly Mark[], ink: string): void => {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.fillStyle = ink;
  ctx.textAlign = 'left';
  ctx.font = `${11 * devicePixelRatio}px 'Inter Variable', sans-serif`;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const [index, { at, name }] of marks.entries()) {
    const x = plot.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    // Moments close to each other: their names one below the other.
    ctx.fillText(name, x + 3 * devicePixelRatio, bbox.top + (11 + 13 * (index % 4)) * devicePixelRatio);
  }
  ctx.restore();
};
