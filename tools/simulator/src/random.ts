/**
 * Randomness that a seed repeats. A device draws from a stream of its own, so that what another device does, or how fast
 * the platform answers, changes nothing for it.
 */
export class Random {
  private state: number;

  constructor(seed: string) {
    this.state = hash32(seed);
  }

  /** In [0, 1). mulberry32: 32 bits of state are all that a device has to keep. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number of 0 … `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Waiting time of something that happens at random, every `mean` on average; at most five times that. */
  wait(mean: number): number {
    return Math.min(5 * mean, -mean * Math.log(1 - this.next()));
  }
}

/** Whether the coin of this text falls on the side of `share`: the same text, the same answer, whenever it is asked. */
export const chance = (share: number, text: string): boolean => new Random(text).next() < share;

/** FNV-1a, and murmur's last mixing, because texts here differ in their last letter only. */
const hash32 = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
};
