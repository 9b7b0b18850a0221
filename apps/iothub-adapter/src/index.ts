export { migrate, rebuilds, start } from './app.module.js';
