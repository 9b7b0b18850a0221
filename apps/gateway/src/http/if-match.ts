import { AppError } from '@muster/contracts';

/** `ETag` of a version: strong, because the same version is the same text. */
export const etagOf = (version: number): string => `"${version}"`;

/** Undefined: any version (`*`, or no header). Weak tags never match (RFC 9110, 13.1.1), so they are refused as well. */
export const expectedVersionOf = (ifMatch: string | undefined): number | undefined => {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const version = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1];
  if (version !== undefined) return Number(version);
  throw new AppError(
    'invalid-request',
    'If-Match must be one ETag as this API gives it, such as "3", or *.',
    {
      errors: [{ path: 'If-Match', message: 'must be one ETag such as "3", or *' }],
    },
  );
};
