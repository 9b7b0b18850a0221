/** Injection tokens of what is this service's own. */
export const SAMPLES_STORE = Symbol('SamplesStore');
export const BUCKET_LIMITS = Symbol('BucketLimits');
