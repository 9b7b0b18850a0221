export { migrate, start } from './app.module.js';
