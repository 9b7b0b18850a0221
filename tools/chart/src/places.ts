import { join } from 'node:path';

/** From dist/src. */
export const ROOT = join(import.meta.dirname, '../../../..');
export const CHART = join(ROOT, 'deploy/helm/muster');
