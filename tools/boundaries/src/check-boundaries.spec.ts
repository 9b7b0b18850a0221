import { describe, expect, it } from '@jest/globals';
import { resolve } from 'node:path';
import { checkBoundaries } from './index.js';

const workspace = resolve(import.meta.dirname, '../../../..');

describe('the boundaries between projects', () => {
  it('are kept everywhere in this workspace', () => {
    expect(checkBoundaries(workspace)).toEqual([]);
  });

  it('bite: a workspace that breaks every rule is told so, file by file', () => {
    const found = checkBoundaries(resolve(workspace, 'tools/boundaries/fixtures/violations'));
    const lines = found.map(({ file, rule }) => `${file}: ${rule}`).sort();
    expect(lines).toEqual(
      [
        'apps/edge-app/src/edge.ts: an edge owns nothing, so not with @muster/event-store',
        'apps/edge-app/src/edge.ts: kind edge may not import kind service: @muster/service-app',
        'apps/edge-app/src/edge.ts: uses @muster/testing outside a spec',
        'apps/edge-app/src/edge.ts: is no spec, so not with ./thing.fixture.js',
        'apps/edge-app/src/edge.ts: leaves its project: ../../service-app/src/thing/clock.js',
        'apps/edge-app/src/edge.ts: does not declare undeclared-package',
        'apps/edge-app/src/edge.ts: write node:fs',
        'apps/service-app/package.json: pins no exact version of pg: ^8.0.1',
        'apps/service-app/package.json: pg ^8.0.1 differs from 8.0.0 of @muster/edge-app',
        'apps/service-app/src/thing/state.ts: imports itself in a circle: src/thing/state.ts → src/thing/thing.reports.ts → src/thing/state.ts',
        'apps/service-app/src/thing/thing.decider.ts: must be pure, but imports node:fs',
        'apps/service-app/src/thing/thing.decider.ts: must be pure, but uses Date.now(',
        'apps/service-app/src/thing/thing.decider.ts: must be pure, but uses Math.random(',
        'libs/contracts/src/contract.ts: runs anywhere, so not with node:fs',
        'libs/testing/src/index.ts: has a statement that finds rows by a list: it is planned each time, so not with a name',
        'libs/testing/src/index.ts: lists its public names by hand, so not with export *',
        'libs/testing/src/index.ts: names what it exports, so not with export default',
        'libs/testing/src/index.ts: uses a union of strings, so not an enum',
        'libs/testing/src/index.ts: kind lib may not import kind tool: @muster/some-tool',
        'libs/contracts/src/contract.ts: stands alone, so not with @muster/event-store',
      ].sort(),
    );
  });
});
