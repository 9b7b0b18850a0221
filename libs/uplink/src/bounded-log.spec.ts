import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@muster/observability';
import { BoundedLog, tokenHint } from './bounded-log.js';

const recorded = () => {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    service: 'test',
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  return { lines, logger };
};

describe('the log of refusals', () => {
  it('tells each client and reason once a minute', () => {
    const { lines, logger } = recorded();
    let now = 0;
    const log = new BoundedLog(logger, () => now);
    log.info('a', { why: 'x' }, 'refused');
    log.info('a', { why: 'x' }, 'refused');
    log.info('b', { why: 'x' }, 'refused');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ suppressedBefore: 1 });
    now = 60_001;
    log.info('a', { why: 'x' }, 'refused');
    expect(lines).toHaveLength(3);
  });

  it('writes at most 20 lines a second', () => {
    const { lines, logger } = recorded();
    let now = 0;
    const log = new BoundedLog(logger, () => now);
    for (let i = 0; i < 100; i += 1) log.info(`client ${i}`, {}, 'refused');
    expect(lines).toHaveLength(20);
    now = 1_000;
    log.info('another', {}, 'refused');
    expect(lines[20]).toMatchObject({ suppressedBefore: 80 });
  });

  it('shows four characters of a token', () => {
    expect(tokenHint('abcdefghijkl')).toBe('abcd…');
  });
});
