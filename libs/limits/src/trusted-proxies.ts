import { BlockList, isIP } from 'node:net';

/** Who stands in front of us and speaks for many. */
export interface TrustedProxies {
  /** Of a connection's other end; an IPv4 address may come as `::ffff:192.0.2.7`. */
  has(address: string | undefined): boolean;
}

/** Of addresses and networks as `networks` of @muster/observability takes them: `192.0.2.7,10.42.0.0/16,fd00::/8`. */
export const trustedProxiesOf = (text = ''): TrustedProxies => {
  const list = new BlockList();
  for (const one of text.split(',').map((part) => part.trim())) {
    if (one === '') continue;
    const [address = '', bits] = one.split('/');
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return { has: (address) => address !== undefined && list.check(address, familyOf(address)) };
};

/** BlockList knows that a mapped address is the IPv4 one. */
const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
