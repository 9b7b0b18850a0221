import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { aloneIn } from './alone.js';
import { dayAndSeconds, number, tick } from './format.js';

const COLOURS = {
  light: ['#0b5cad', '#b35309', '#18713a', '#8a2be2', '#bd1f2b', '#57606a'],
  dark: ['#6cb2ff', '#f0a860', '#4cc163', '#c9a0ff', '#ff7b72', '#9aa4af'],
} as const;
const HEIGHT_PX = 280;
/** 1, 2, 5, 10 and so on, to a hundred million. */
const WHOLE_STEPS = Array.from({ length: 9 }, (_, zeros) =>
  [1, 2, 5].map((step) => step * 10 ** zeros),
).flat();

/** A moment that is marked with a line across. */
export interface Mark {
  /** Epoch seconds. */
  readonly at: number;
  readonly name: string;
}

/** What is drawn of a column of the data. */
export interface ChartLine {
  readonly name: string;
  /** Lines of one colour belong together. */
  readonly colour: number;
  /** The edge of a band: not drawn itself. */
  readonly isEdge?: boolean;
  /** Of two lines that may lie on each other, the upper: both are seen. */
  readonly isDashed?: boolean;
}

/** Lines over time. Dragging across chooses a time: `onRange` gets both ends in epoch milliseconds. */
export const Chart = ({
  label,
  lines,
  bands = [],
  data,
  from,
  to,
  marks = [],
  counts,
  onRange,
}: {
  readonly label: string;
  readonly lines: readonly ChartLine[];
  /** Lines, by their place, between which the colour of the upper one is laid. */
  readonly bands?: readonly (readonly [upper: number, lower: number])[];
  readonly data: uPlot.AlignedData;
  /** Epoch seconds. */
  readonly from: number;
  readonly to: number;
  readonly marks?: readonly Mark[];
  /** Of what it counts: whole numbers, each of which holds until the next. Undefined: it measures. */
  readonly counts?: string;
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
  const shape = JSON.stringify({ lines, bands });
  const marked = JSON.stringify(marks);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue('--mantine-color-dimmed').trim();
    const line = style.getPropertyValue('--line').trim();
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const colours = COLOURS[scheme];
    const colourOf = (index: number): string => colours[index % colours.length] ?? ink;
    const { lines: columns, bands: between } = JSON.parse(shape) as {
      lines: ChartLine[];
      bands: [number, number][];
    };
    const stepped = counts === undefined ? undefined : uPlot.paths.stepped?.({ align: 1 });
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        series: [
          {
            label: 'Time',
            value: (_plot, at: number | null) => (at === null ? '–' : dayAndSeconds(at * 1000)),
          },
          ...columns.map(({ name, colour, isEdge = false, isDashed = false }) => ({
            label: name,
            stroke: colourOf(colour),
            width: isEdge ? 0 : 1.5,
            spanGaps: false,
            ...(isDashed ? { dash: [6, 4] } : {}),
            ...(stepped === undefined ? {} : { paths: stepped }),
            // Also where there are too many to show each: what no line leads to would not be seen at all.
            points: isEdge
              ? { show: false }
              : {
                  size: 4,
                  filter: (self: uPlot, nth: number, isShown: boolean) =>
                    isShown ? null : aloneIn(self.data[nth] ?? []),
                },
            value: (_plot: uPlot, value: number | null) => (value === null ? '–' : number(value)),
          })),
        ],
        bands: between.map(([upper, lower]) => ({
          series: [upper + 1, lower + 1],
          fill: `${colourOf(columns[upper]?.colour ?? 0)}33`,
        })),
        padding: [8, 12, 0, 0],
        // uPlot's own texts have the 12-hour clock of the US.
        axes: [
          {
            ...axis,
            // A clock with its seconds is 60 px wide.
            space: 76,
            values: (_plot, ticks, _axis, _space, step) => ticks.map((at) => tick(at * 1000, step)),
          },
          {
            ...axis,
            // As wide as its longest number, beside the word.
            size: (_plot: uPlot, texts: readonly string[] | null) =>
              Math.max(56, 16 + 8 * Math.max(0, ...(texts ?? []).map(({ length }) => length))),
            ...(counts === undefined ? {} : { label: counts, labelSize: 20, incrs: WHOLE_STEPS }),
          },
        ],
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
  }, [shape, scheme, marked, counts]);
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
