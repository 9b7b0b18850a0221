export { start, type RunningFront } from './app.module.js';
export { configSchema } from './config.js';
