import { describe, expect, it } from '@jest/globals';
import { decodeEnrolment } from './enrolment.js';

const decoded = (text: string) => decodeEnrolment(Buffer.from(text));

describe('an enrolment', () => {
  it('has a claim key and a name', () => {
    expect(decoded('{"claimKey":"k","name":"n"}')).toEqual({ claimKey: 'k', name: 'n' });
    expect(decoded('{"claimKey":"k","name":"n","serialNumber":"s"}').serialNumber).toBe('s');
    expect(decoded('{"claimKey":"k","name":"n","serialNumber":null}')).toEqual({ claimKey: 'k', name: 'n' });
  });

  it.each(['', '[]', '{"name":"n"}', '{"claimKey":"secret"}', '{"claimKey":7,"name":"n"}'])(
    'is not %s',
    (text) => expect(() => decoded(text)).toThrow(),
  );

  it('shows no claim key where it is refused', () => {
    expect(() => decoded(`{"claimKey":"${'secret'.repeat(30)}","name":"n"}`)).toThrow(
      /^(?!.*secretsecret).*claimKey/,
    );
    expect(() => decoded('{"claimKey":"k","name":""}')).toThrow('name must have at least 1 character');
    expect(() => decoded('{"claimKey":"k","name":"n","more":1}')).toThrow('more');
  });
});
