/** `stated`: only what the device said itself counts; `any`: also what is known because it applied a document that holds it. */
export const EXPECTED_FROM = ['any', 'stated'] as const;
export type ExpectedFrom = (typeof EXPECTED_FROM)[number];
