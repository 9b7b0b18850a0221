/** A page must fit in a message of the bus, which takes 1 MB by default. One item alone is smaller: it came in such a message. */
export const PAGE_BYTES = 700_000;

/** Of JSON in UTF-8. */
export const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
