import type { ServerResponse } from 'node:http';
import { AppError, toProblem } from '@muster/contracts';

/** While the API starts: who asks now may ask again. */
export const answerNotYet = (response: ServerResponse): void => {
  const problem = toProblem(new AppError('unavailable', 'The API is starting.'));
  response
    .writeHead(problem.status, { 'content-type': 'application/problem+json', 'retry-after': '1' })
    .end(JSON.stringify(problem));
};
