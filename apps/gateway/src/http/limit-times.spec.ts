import { createServer } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { limitTimes } from './limit-times.js';

describe('the times of the REST API', () => {
  const server = createServer();
  limitTimes(server);

  it('let the largest firmware come at 2 Mbit/s', () => {
    expect(server.requestTimeout).toBeGreaterThanOrEqual((536_870_912 * 8) / 2_000);
  });

  it('let a caller wait a minute for a command, and no connection be silent for ever', () => {
    expect(server.timeout).toBeGreaterThan(65_000);
    expect(server.headersTimeout).toBeGreaterThan(0);
  });
});
