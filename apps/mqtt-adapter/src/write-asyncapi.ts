import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deviceAsyncApi } from '@muster/kp1';

/** `node apps/mqtt-adapter/dist/src/write-asyncapi.js`: writes `docs/asyncapi-devices.json`. */
const file = join(import.meta.dirname, '../../../../docs/asyncapi-devices.json');
writeFileSync(file, `${JSON.stringify(deviceAsyncApi(), null, 2)}\n`);
