import { describe, expect, it } from '@jest/globals';
import { isOpen, readProblem, UNREACHED } from './problem.js';

describe('an act that was not answered as asked', () => {
  it('may have been done where nobody answered, or only something between', () => {
    expect(isOpen(UNREACHED)).toBe(true);
    expect(isOpen(readProblem('<html>', 502))).toBe(true);
    expect(isOpen(readProblem(undefined, 504))).toBe(true);
  });

  it('was not done where it was refused', () => {
    expect(isOpen(readProblem({ code: 'campaign-not-running', detail: 'no', status: 409 }, 409))).toBe(false);
    expect(isOpen(readProblem(undefined, 403))).toBe(false);
  });
});
