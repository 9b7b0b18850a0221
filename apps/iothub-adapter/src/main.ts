import { runApp } from '@muster/observability';
import { start } from './app.module.js';

await runApp(start);
