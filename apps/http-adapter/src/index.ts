export { start, type RunningHttpAdapter } from './start.js';
export { configSchema } from './config.js';
