import { runApp } from '@muster/observability';
import { start } from './index.js';

await runApp(start);
