import { describe, expect, it } from '@jest/globals';
import { faultAt, problemOf, readProblem, Refused, UNREACHED } from './problem.js';
import { topicsToAsk, type Wants } from './wanted-topics.js';

const NOTHING: ReadonlySet<string> = new Set();

describe('the topics of one stream for all tabs', () => {
  it('are those of each tab, once, in the same order whoever asks first', () => {
    const wants: Wants = new Map([
      ['tab-2', { topics: ['jobs', 'fleet'], at: 10 }],
      ['tab-1', { topics: ['device.a', 'jobs'], at: 10 }],
    ]);
    expect(topicsToAsk(wants, 0, NOTHING)).toEqual(['device.a', 'fleet', 'jobs']);
  });

  it('forget a tab that was killed', () => {
    const wants: Wants = new Map([
      ['dead', { topics: ['fleet'], at: 1 }],
      ['living', { topics: ['jobs'], at: 10 }],
    ]);
    expect(topicsToAsk(wants, 5, NOTHING)).toEqual(['jobs']);
    expect([...wants.keys()]).toEqual(['living']);
  });

  it('are without those of what was deleted', () => {
    const wants: Wants = new Map([['a', { topics: ['device.deleted', 'jobs'], at: 1 }]]);
    expect(topicsToAsk(wants, 0, new Set(['device.deleted']))).toEqual(['jobs']);
  });

  it('are as many as the platform takes, those of the most tabs first', () => {
    const many = Array.from({ length: 30 }, (_, index) => `device.${String(index).padStart(2, '0')}`);
    const wants: Wants = new Map([
      ['a', { topics: many, at: 1 }],
      ['b', { topics: ['jobs'], at: 1 }],
      ['c', { topics: ['jobs'], at: 1 }],
    ]);
    expect(topicsToAsk(wants, 0, NOTHING)).toHaveLength(20);
    expect(topicsToAsk(wants, 0, NOTHING)).toContain('jobs');
  });
});

describe('what went wrong', () => {
  const problem = {
    title: 'The request is malformed',
    status: 400,
    detail: 'no',
    code: 'invalid-request',
    errors: [
      { path: 'tags', message: 'must be a list' },
      { path: 'batches[0].gate', message: 'is wrong' },
    ],
  };

  it('is said at its field', () => {
    expect(faultAt(problem, 'tags')).toBe('must be a list');
    expect(faultAt(problem, 'batches')).toBe('batches[0].gate: is wrong');
    expect(faultAt(problem, 'name')).toBeUndefined();
  });

  it('is the platform’s problem, the silence of the network, or a fault of the console', () => {
    expect(problemOf(new Refused(problem))).toBe(problem);
    expect(problemOf(new TypeError('Failed to fetch'))).toBe(UNREACHED);
    expect(problemOf(new TypeError('x is undefined')).code).toBe('console-fault');
    expect(readProblem('<html>', 502)).toMatchObject({ status: 502, code: 'status-502' });
    expect(readProblem(problem, 400)).toBe(problem);
  });
});
