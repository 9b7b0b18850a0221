import { describe, expect, it } from '@jest/globals';
import { UploadPace } from './upload-pace.js';

describe('the pace of uploads', () => {
  it('is a number of files, of each device', () => {
    const pace = new UploadPace({ uploadsPerMinute: 2, uploadBytesPerHour: 1_000 });
    pace.begin('d1');
    pace.begin('d1');
    expect(() => pace.begin('d1')).toThrow(/a device may upload 2 files a minute/);
    pace.begin('d2');
  });

  it('is a number of bytes, which are counted when they have come', () => {
    const pace = new UploadPace({ uploadsPerMinute: 100, uploadBytesPerHour: 1_000 });
    pace.begin('d1');
    pace.received('d1', 5_000);
    expect(() => pace.begin('d1')).toThrow(/a device may upload 1000 bytes an hour/);
    pace.begin('d2');
  });
});
