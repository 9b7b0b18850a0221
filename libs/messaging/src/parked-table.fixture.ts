import { Controller } from '@nestjs/common';
import { AppError, type Done } from '@muster/contracts';
import { recordParked, type RecordParked } from '@muster/contracts/parked/requests';
import { Handles } from './index.js';

/** Where parked messages go; the real one is a service, which a library cannot import. */
@Controller()
export class ParkedTable {
  static readonly recorded: RecordParked[] = [];
  /** The service answers, and cannot write. */
  static away = false;

  @Handles(recordParked)
  async record(request: RecordParked): Promise<Done> {
    if (ParkedTable.away) throw new AppError('unavailable', 'The database is away.');
    ParkedTable.recorded.push(request);
    return Promise.resolve({});
  }
}
