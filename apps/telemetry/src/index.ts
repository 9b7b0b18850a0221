export { checkup, migrate, start } from './app.module.js';
