import { createHash } from 'node:crypto';
import { join } from 'node:path';

const workspace = join(import.meta.dirname, '../../../../..');

export const OPENAPI = join(workspace, 'docs/openapi.json');
export const CLIENT_TYPES = join(workspace, 'libs/api-client/src/openapi.ts');

/** First line of the client's types: of which document they were made. Making them anew to compare takes half a minute in a test. */
export const sourceLine = (document: string): string =>
  `// Made of docs/openapi.json, SHA-256 ${createHash('sha256').update(document).digest('hex')}.`;
