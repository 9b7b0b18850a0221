import { runApp } from '@muster/observability';
import { start } from './all-in-one.js';

await runApp(start);
