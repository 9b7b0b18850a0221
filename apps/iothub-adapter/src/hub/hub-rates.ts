import type { HubTier } from '@muster/contracts/iothub-adapter/hubs.requests';

/** What a hub throttles by itself. */
export type RateClass = 'identities' | 'twin-reads' | 'twin-updates' | 'methods' | 'messages' | 'queries';

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * What Azure publishes of a hub's throttles, by its tier and units ("IoT Hub quotas and throttling"). A burst of at most one
 * second's worth, and of one at least: Azure's own allowance for bursts is not told in numbers.
 */
export const rateOf = (of: RateClass, tier: HubTier, units: number): Rate => {
  const perSecond = RATES[of](tier, units);
  return { perSecond, burst: Math.max(1, Math.floor(perSecond)) };
};

const RATES: Readonly<Record<RateClass, (tier: HubTier, units: number) => number>> = {
  /** 100 a minute and unit; S3: 5,000. */
  identities: (tier, units) => ((tier === 'S3' ? 5_000 : 100) * units) / 60,
  /** 100 a second and hub; S2: 10 a second and unit where that is more; S3: 500 a second and unit. */
  'twin-reads': (tier, units) => {
    if (tier === 'S3') return 500 * units;
    return tier === 'S2' ? Math.max(100, 10 * units) : 100;
  },
  /** 50 a second and hub; S2: 5 a second and unit where that is more; S3: 250 a second and unit. */
  'twin-updates': (tier, units) => {
    if (tier === 'S3') return 250 * units;
    return tier === 'S2' ? Math.max(50, 5 * units) : 50;
  },
  /** 160 KB a second and unit, in steps of 4 KB; S2 480 KB, S3 24 MB. */
  methods: (tier, units) => {
    const kilobytes = { F1: 160, S1: 160, S2: 480, S3: 24_576 }[tier];
    return (kilobytes / 4) * units;
  },
  /** 100 a minute and unit; S3: 5,000. */
  messages: (tier, units) => ((tier === 'S3' ? 5_000 : 100) * units) / 60,
  /** 20 a minute and unit; S3: 1,000. */
  queries: (tier, units) => ((tier === 'S3' ? 1_000 : 20) * units) / 60,
};
