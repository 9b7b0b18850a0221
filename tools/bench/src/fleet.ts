/** What drills of other tools share with the benches: devices under load, and what is counted of them afterwards. */
export { answerDocuments, type Connected } from './campaign-fleet.js';
export { isAsWanted, recount, type Counted } from './campaign-recount.js';
export { call, provision, runName, type BenchDevice } from './platform.js';
export { connectSenders, countSamples, sendSteadily, type Sender } from './samples.js';
export { keepRaw } from './raw-results.js';
export { markdownTable } from './statistics.js';
