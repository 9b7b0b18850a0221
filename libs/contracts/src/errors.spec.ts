import { describe, expect, it } from '@jest/globals';
import { AppError, errorCatalogue, isPassing, isRefused, toProblem } from './index.js';

describe('an error that leaves the platform', () => {
  it('is a problem with the code, status and title of the catalogue', () => {
    const errors = [{ path: 'name', message: 'must be a string' }];
    expect(toProblem(new AppError('invalid-request', 'name must be a string', { errors }), 'abc')).toEqual({
      type: '/problems/invalid-request',
      title: errorCatalogue['invalid-request'].title,
      status: 400,
      detail: 'name must be a string',
      code: 'invalid-request',
      traceId: 'abc',
      errors,
    });
  });

  it('says nothing of a bug but that it is one', () => {
    const problem = toProblem(new Error('password=hunter2'));
    expect(problem).toMatchObject({ code: 'internal', status: 500 });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });
});

describe('a fault that passes by itself', () => {
  it('is one of these codes, and no other', () => {
    const passing = Object.keys(errorCatalogue).filter((code) => isPassing({ code }));
    expect(passing.sort()).toEqual([
      'concurrent-change',
      'deadline-exceeded',
      'folder-moving',
      'storage-full',
      'too-many-requests',
      'unavailable',
    ]);
  });

  it('is known as what was thrown, as an outcome of an item, and as PostgreSQL says it', () => {
    expect(isPassing(new AppError('deadline-exceeded', 'No answer.'))).toBe(true);
    expect(isPassing({ code: 'unavailable', detail: 'Nobody there.' })).toBe(true);
    for (const code of ['40001', '40P01'])
      expect(isPassing(Object.assign(new Error('x'), { code }))).toBe(true);
  });

  it('is nothing else', () => {
    const others = [
      new Error('unavailable'),
      'unavailable',
      {},
      null,
      undefined,
      { code: 503 },
      { code: '23505' },
    ];
    expect(others.filter(isPassing)).toEqual([]);
  });
});

describe('a fault that is final', () => {
  it('is every code of the catalogue that neither passes nor is ours', () => {
    const others = Object.keys(errorCatalogue).filter((code) => !isRefused({ code }));
    expect(others.filter((code) => !isPassing({ code }))).toEqual(['internal']);
    expect(isRefused(new AppError('invalid-payload', 'Too deep.'))).toBe(true);
    expect(isRefused({ code: 'telemetry-key-limit-reached', detail: 'at most 1,000' })).toBe(true);
  });

  it('is nothing else', () => {
    const others = [
      new Error('device-not-found'),
      {},
      null,
      undefined,
      { code: 'of-a-newer-version' },
      { code: '23505' },
    ];
    expect(others.filter(isRefused)).toEqual([]);
  });
});
