import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const here = resolve(import.meta.dirname, '../../../src');

/** Acts that are done by one press: a slip of the hand with them reaches no device and takes nothing away. */
const BY_ONE_CLICK = [
  'campaigns/campaign-acts.tsx: act', // pauses, which must be quick; to go on is asked about
  'campaigns/campaign-acts.tsx: derive', // makes a draft
  'campaigns/targets.tsx: retry', // makes a draft
  'device/configuration.tab.tsx: reoffer', // tells a device the same again
  'imports/start-import.tsx: attempt', // a dry run
  'iot-hubs/iot-hub.page.tsx: check',
  'parked/parked-message.page.tsx: replay', // of the one message that the page is about
  'supervisions/supervision-acts.tsx: mend', // makes a draft
];

describe('an act by one click', () => {
  it('is one of few: all others are asked about, or have a form', () => {
    const found = readdirSync(here, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.tsx'))
      .flatMap((file) =>
        [
          ...readFileSync(join(here, file), 'utf8').matchAll(
            /onClick=\{\(\) =>\s*(?:[^\n{}]*&&\s*)?(?:void )?(\w+)\.mutate\(/g,
          ),
        ].map(([, act]) => `${file}: ${act ?? ''}`),
      );
    expect([...new Set(found)].sort()).toEqual(BY_ONE_CLICK);
  });
});
