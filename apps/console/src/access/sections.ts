/** The parts of the page, as they stand in its address. What the API gets is added here, and in `access.page.tsx`. */
export const ACCESS_SECTIONS = ['you', 'certificate-authorities', 'claim-keys'] as const;
export type AccessSection = (typeof ACCESS_SECTIONS)[number];
