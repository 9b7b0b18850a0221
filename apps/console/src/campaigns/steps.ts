import type { Campaign } from './campaigns.queries.js';

export const STEPS = ['definition', 'batches', 'review'] as const;
export type Step = (typeof STEPS)[number];

/** A draft with the revision that was looked at. */
export interface Draft {
  readonly data: Campaign;
  readonly etag: string;
}

/** What a step that is filled in is given. */
export interface StepProps {
  readonly draft: Draft;
  /** Is told whether something typed is not saved. */
  readonly onUnsaved: (unsaved: boolean) => void;
}
