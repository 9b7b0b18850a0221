/** "1 device has", "5 devices have": for sentences that operators read. */
export const devices = (n: number): string => (n === 1 ? '1 device' : `${n} devices`);
export const devicesHave = (n: number): string => `${devices(n)} ${n === 1 ? 'has' : 'have'}`;
