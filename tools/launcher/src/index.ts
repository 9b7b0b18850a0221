export { startPrivatePlatform, type PrivatePlatform } from './private-platform.js';
