export { start } from './app.module.js';
