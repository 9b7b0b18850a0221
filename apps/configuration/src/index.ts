export { checkup, migrate, rebuilds, start } from './app.module.js';
