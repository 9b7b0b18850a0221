import { describe, expect, it } from '@jest/globals';
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { readAnew } from './read-anew.js';

/** A platform that answers when it is told to. */
const slow = () => {
  const asked: { readonly answer: (value: number) => void; readonly signal: AbortSignal }[] = [];
  const queryFn = ({ signal }: { readonly signal: AbortSignal }): Promise<number> =>
    new Promise((answer) => asked.push({ answer, signal }));
  return { asked, queryFn };
};
const soon = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

describe('reading anew', () => {
  it('lets what is being read arrive, however many events come meanwhile, and reads once more', async () => {
    const { asked, queryFn } = slow();
    const queries = new QueryClient();
    const end = new QueryObserver(queries, { queryKey: ['campaign', '1'], queryFn }).subscribe(
      () => undefined,
    );
    asked[0]?.answer(1);
    await soon();
    for (let event = 0; event < 5; event += 1) readAnew(queries, ['campaign']);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.signal.aborted).toBe(false);
    asked[1]?.answer(2);
    await soon();
    expect(queries.getQueryData(['campaign', '1'])).toBe(2);
    // An event of before its end: what was read may not have it.
    expect(asked).toHaveLength(3);
    asked[2]?.answer(3);
    await soon();
    expect(queries.getQueryData(['campaign', '1'])).toBe(3);
    expect(asked).toHaveLength(3);
    end();
    queries.clear();
  });

  it('reads what nobody looks at when somebody does', async () => {
    const { asked, queryFn } = slow();
    const queries = new QueryClient();
    queries.setQueryData(['campaign', '1'], 1);
    readAnew(queries, ['campaign']);
    await soon();
    expect(asked).toHaveLength(0);
    const end = new QueryObserver(queries, {
      queryKey: ['campaign', '1'],
      queryFn,
      staleTime: 60_000,
    }).subscribe(() => undefined);
    expect(asked).toHaveLength(1);
    end();
    queries.clear();
  });
});
