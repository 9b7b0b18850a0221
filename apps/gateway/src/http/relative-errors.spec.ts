import { describe, expect, it } from '@jest/globals';
import { AppError, type FieldError } from '@muster/contracts';
import { openSupervision } from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import { relativeErrors } from './relative-errors.js';

const told = async (body: object, detail: string, errors?: readonly FieldError[]) => {
  const refused = new AppError('invalid-request', detail, errors === undefined ? {} : { errors });
  const bus = relativeErrors({ request: () => Promise.reject(refused) }, 1_000);
  const error = await bus.request(openSupervision, body as never).catch((one: unknown) => one);
  return error instanceof AppError ? { detail: error.detail, errors: error.errors } : error;
};

describe('what a service refuses', () => {
  it('is told by its place in the body of the caller', async () => {
    const errors = [{ path: 'supervision.target.filter', message: 'is wrong' }];
    expect(await told({ supervision: {} }, 'supervision.target.filter is wrong', errors)).toEqual({
      detail: 'target.filter is wrong',
      errors: [{ path: 'target.filter', message: 'is wrong' }],
    });
  });

  it('of the body as a whole is told of the body', async () => {
    const errors = [{ path: 'bulk', message: 'must have something to do' }];
    expect(await told({ bulk: {} }, 'bulk must have something to do', errors)).toEqual({
      detail: 'The body must have something to do',
      errors: [{ path: '', message: 'must have something to do' }],
    });
  });

  it('of something else stays as it is', async () => {
    const errors = [{ path: 'defaults.v1', message: 'is at odds' }];
    const sentence = 'edit these defaults first. Nothing was changed';
    expect(await told({ edit: {} }, sentence, errors)).toEqual({ detail: sentence, errors });
    expect(await told({ edit: {} }, 'edit nothing')).toEqual({ detail: 'edit nothing', errors: undefined });
  });
});
