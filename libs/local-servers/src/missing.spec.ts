import { expect, it } from '@jest/globals';
import { Failure, joined } from './failure.js';
import { explainMissing, Missing } from './missing.js';

it('tells all missing servers in one block, with the ways out of each', () => {
  const error = joined([new Missing('NATS', 'no package'), new Missing('RabbitMQ', 'no network')], undefined);
  const explained = explainMissing(error, 'linux') as Failure;
  expect(explained.message).toMatch(
    /^muster cannot start: 2 of 3 servers are missing\.\n {2}NATS .*no package\n {2}RabbitMQ .*no network\n/,
  );
  expect(explained.advice.join('\n')).toMatch(
    /MUSTER_NATS_URL=.*\n.*MUSTER_AMQP_URL=.*\n.*apt install.*\n.*\n\* docker compose up/,
  );
});

it('leaves other faults as they are, and puts a bug first', () => {
  const taken = new Failure('port 1 is taken');
  expect(explainMissing(taken)).toBe(taken);
  const bug = new TypeError('our bug');
  expect(joined([taken, bug], undefined)).toBe(bug);
  expect(joined([], taken)).toBe(taken);
});
