import { describe, expect, it } from '@jest/globals';
import { warningOf } from './follow-log.js';

describe('warningOf', () => {
  it('shows warnings and worse with their origin', () => {
    expect(warningOf('{"level":"warn","service":"telemetry","msg":"slow"}')).toBe('telemetry: slow');
    expect(warningOf('{"level":"error","err":{"message":"refused"}}')).toBe('refused');
  });

  it('keeps everything else for the file', () => {
    for (const line of [
      '{"level":"info","msg":"started"}',
      'plain text',
      '{"level":"loud"}',
      '{broken',
      '',
    ]) {
      expect(warningOf(line)).toBeUndefined();
    }
  });
});
