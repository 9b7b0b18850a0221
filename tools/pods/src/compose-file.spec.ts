import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

type Service = {
  readonly command?: unknown;
  readonly entrypoint?: unknown;
  readonly healthcheck?: { readonly test: unknown };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly restart?: string;
  readonly logging?: { readonly options?: object };
};

const file = readFileSync(resolve(import.meta.dirname, '../../../../docker-compose.yml'), 'utf8');
const { services } = parse(file, { merge: true }) as { services: Readonly<Record<string, Service>> };

/** What only running it shows is in composition.compose.spec.ts, which takes minutes. */
describe('docker-compose.yml', () => {
  it('has text wherever Docker Compose wants text: a colon and a space in it make YAML take it for something else', () => {
    const words = Object.values(services).flatMap(({ command, entrypoint, healthcheck }) =>
      [command, entrypoint, healthcheck?.test].flat().filter((word) => word !== undefined),
    );
    expect(words.length).toBeGreaterThan(0);
    expect(words.filter((word) => typeof word !== 'string')).toEqual([]);
  });

  it('starts again whatever lasts, and bounds what it says', () => {
    const once = Object.values(services)
      .flatMap(({ depends_on: dependsOn = {} }) => Object.entries(dependsOn))
      .filter(([, { condition }]) => condition === 'service_completed_successfully')
      .map(([name]) => name);
    const lasting = Object.entries(services).filter(([name]) => !once.includes(name));
    expect(lasting.map(([name]) => name)).toContain('services');
    for (const [, { restart, logging }] of lasting)
      expect({ restart, logging }).toMatchObject({
        restart: 'unless-stopped',
        logging: { options: { 'max-size': expect.any(String) } },
      });
  });
});
