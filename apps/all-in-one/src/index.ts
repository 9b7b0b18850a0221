export { start } from './all-in-one.js';
