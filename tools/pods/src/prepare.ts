import { resolve } from 'node:path';
import { guarded } from './guarded.js';
import { buildForCompose, buildImages } from './images.js';
import { CannotRunPods, requirePodman } from './machine.js';
import { openPlaces } from './places.js';

/** What this ends with where the machine can run no pods: EX_UNAVAILABLE. The reason is its last line. */
const UNAVAILABLE = 69;

/** `node tools/pods/dist/src/prepare.js [compose]`: makes this machine ready to run pods, and the images that they need. */
try {
  await requirePodman();
  const places = openPlaces(resolve(import.meta.dirname, '../../../..'));
  await guarded(places, () =>
    (process.argv[2] === 'compose' ? buildForCompose : buildImages)(places, (line) => {
      console.log(line);
    }),
  );
} catch (error) {
  const isUnavailable = error instanceof CannotRunPods;
  console.log(isUnavailable ? error.message.replaceAll('\n', ' ') : String(error));
  process.exitCode = isUnavailable ? UNAVAILABLE : 1;
}
