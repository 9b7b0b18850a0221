import { IsBoolean, IsOptional } from 'class-validator';
import { Described } from '@muster/contracts';
import { TargetPreview } from '@muster/contracts/device-registry/targets.requests';

/** Of every bulk act. */
export class PreviewQuery {
  @IsOptional()
  @Described(() => ({
    description: 'True: tells what would be done now, or what it would be refused with, and does nothing.',
  }))
  @IsBoolean()
  preview?: boolean;
}

/** For `also` of an operation that takes it; the handler sets the status. */
export const PREVIEWED = {
  200: { description: 'With `preview=true`: nothing was done.', answer: TargetPreview },
} as const;
