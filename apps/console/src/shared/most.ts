/** The most that one page of a list has. */
export const MOST = 500;
