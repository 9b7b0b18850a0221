export { start } from './app.module.js';
export { configSchema } from './config.js';
