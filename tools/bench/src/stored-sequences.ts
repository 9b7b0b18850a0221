import { call, type BenchDevice } from './platform.js';

interface SamplePage {
  readonly series: readonly { readonly key: string; readonly points: readonly [string, number][] }[];
  readonly nextCursor: string | null;
}

/** What is stored of a device's `seq`, in pages. */
export const storedSequences = async (device: BenchDevice): Promise<number[]> => {
  const found: number[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: SamplePage = await call(
      'GET',
      `/devices/${device.id}/telemetry?keys=seq&limit=10000${after}`,
    );
    for (const { points } of page.series) found.push(...points.map(([, seq]) => seq));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
};
