import { runApp } from '@muster/observability';
import { start } from './start.js';

await runApp(start);
