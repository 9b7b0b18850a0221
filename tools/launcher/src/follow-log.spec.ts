import { describe, expect, it } from '@jest/globals';
import { warningOf } from './follow-log.js';

describe('warningOf', () => {
  it('shows warnings and worse with their origin', () => {
    expect(warningOf('{"level":40,"name":"telemetry","msg":"slow"}')).toBe('telemetry: slow');
    expect(warningOf('{"level":50,"err":{"message":"refused"}}')).toBe('refused');
  });

  it('keeps everything else for the file', () => {
    for (const line of ['{"level":30,"msg":"started"}', 'plain text', '{"level":"loud"}', '{broken', '']) {
      expect(warningOf(line)).toBeUndefined();
    }
  });
});
