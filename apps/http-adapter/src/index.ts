export { start, type RunningHttpAdapter } from './app.module.js';
export { configSchema } from './config.js';
