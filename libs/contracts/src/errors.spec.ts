import { describe, expect, it } from '@jest/globals';
import { AppError, errorCatalogue, toProblem } from './index.js';

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
