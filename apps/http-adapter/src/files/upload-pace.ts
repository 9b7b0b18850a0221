import { AppError } from '@muster/contracts';
import { Allowance } from '@muster/limits';

export interface UploadPaceOptions {
  readonly uploadsPerMinute: number;
  readonly uploadBytesPerHour: number;
}

/** How many files a device may upload, and how many bytes. Each replica counts what comes to itself. */
export class UploadPace {
  private readonly files: Allowance;
  private readonly bytes: Allowance;

  constructor(private readonly options: UploadPaceOptions) {
    const { uploadsPerMinute, uploadBytesPerHour } = options;
    this.files = new Allowance({ perSecond: uploadsPerMinute / 60, burst: uploadsPerMinute });
    this.bytes = new Allowance({ perSecond: uploadBytesPerHour / 3_600, burst: uploadBytesPerHour });
  }

  /** Counts one file. Throws `too-many-requests`. */
  begin(deviceId: string): void {
    const { uploadsPerMinute, uploadBytesPerHour } = this.options;
    const files = this.files.secondsToWait(deviceId);
    const bytes = this.bytes.secondsToWait(deviceId);
    if (files === undefined && bytes === undefined) {
      this.files.charge(deviceId);
      return;
    }
    const limit =
      files === undefined ? `${uploadBytesPerHour} bytes an hour` : `${uploadsPerMinute} files a minute`;
    throw new AppError('too-many-requests', `too many uploads: a device may upload ${limit}`, {
      retryAfterSeconds: Math.max(files ?? 0, bytes ?? 0),
    });
  }

  /** So many came, whatever became of them. */
  received(deviceId: string, bytes: number): void {
    this.bytes.charge(deviceId, bytes);
  }
}
