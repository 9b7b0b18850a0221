import { createServer } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { createLogger, type LogLevel } from '@muster/observability';
import express from 'express';
import request from 'supertest';
import { enterTrace, logRequests } from './entry.js';

const linesAfter = async (level: LogLevel): Promise<Record<string, unknown>[]> => {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    service: 'test',
    level,
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const app = express();
  app.use(enterTrace, logRequests(logger), (_request, response) => void response.status(204).end());
  await request(createServer(app))
    .patch('/api/v1/devices/d1/configuration/desired?filter=name==secret')
    .set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  return lines;
};

describe('a REST request', () => {
  it('leaves a line with its trace at debug level, without its query', async () => {
    expect(await linesAfter('debug')).toMatchObject([
      {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        method: 'PATCH',
        path: '/api/v1/devices/d1/configuration/desired',
        status: 204,
        msg: 'a request was answered',
      },
    ]);
  });

  it('leaves none otherwise', async () => expect(await linesAfter('info')).toEqual([]));
});
