export { checkBoundaries, type Violation } from './check-boundaries.js';
