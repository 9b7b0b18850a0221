import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigSchema } from '@muster/observability';
import { parse } from 'yaml';
import { CHART, ROOT } from './places.js';

/** What the chart knows of a service: files/services.yaml. */
export interface ServiceFact {
  readonly uses: readonly string[];
  readonly jobs?: boolean;
  readonly connections?: { readonly pool: string; readonly beside: number };
  readonly ports?: Readonly<Record<string, number>>;
  readonly env?: Readonly<Record<string, string>>;
}

export const readServiceFacts = (): Readonly<Record<string, ServiceFact>> =>
  parse(readFileSync(join(CHART, 'files/services.yaml'), 'utf8')) as Record<string, ServiceFact>;

/** The configuration of an app, as its config.ts declares it. By path: a tool imports no app, and all of them are built before it runs. */
export const configSchemaOf = async (app: string): Promise<ConfigSchema> => {
  const module = (await import(join(ROOT, 'apps', app, 'dist/src/config.js'))) as {
    readonly configSchema: ConfigSchema;
  };
  return module.configSchema;
};
