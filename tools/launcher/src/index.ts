export { chromiumOf } from './chromium.js';
export { startPrivatePlatform, type PrivatePlatform } from './private-platform.js';
