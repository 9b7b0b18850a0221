import type { RequestHandler } from 'express';
import { AppError } from '@muster/contracts';

/**
 * What Express and `node:querystring` would change without a word: bytes that are no UTF-8 become U+FFFD. And U+0000, which
 * PostgreSQL cannot be asked about. Of the query, the parameter is named.
 */
export const checkAddress: RequestHandler = (request, _response, next): void => {
  const [path = '', query = ''] = request.originalUrl.split(/\?(.*)/s);
  const wrong = faultOf(path);
  if (wrong !== undefined) throw new AppError('invalid-request', `The address ${wrong}.`);
  for (const parameter of query.split('&')) {
    const [name = '', value = ''] = parameter.split(/=(.*)/s);
    const fault = faultOf(name) ?? faultOf(value);
    if (fault === undefined) continue;
    const shown = faultOf(name) === undefined ? decodeURIComponent(name) : 'The query';
    throw new AppError('invalid-request', `${shown} ${fault}.`, {
      errors: [{ path: shown === 'The query' ? '' : shown, message: fault }],
    });
  }
  next();
};

const faultOf = (encoded: string): string | undefined => {
  try {
    return decodeURIComponent(encoded).includes('\u0000')
      ? 'must not contain the character U+0000'
      : undefined;
  } catch {
    return 'must be percent-encoded UTF-8';
  }
};
