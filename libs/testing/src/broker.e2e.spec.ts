import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mosquittoPub, mosquittoSub } from './mosquitto.js';
import { mqttAuthPort } from './test-environment.js';

/** The broker as deploy/rabbitmq sets it up, with a stand-in for the adapter's answers: what it asks, and what it makes of them. */
let questions: URLSearchParams[];
let answer: (path: string, question: URLSearchParams) => 'allow' | 'deny';
let adapter: Server;

beforeEach(async () => {
  questions = [];
  answer = () => 'allow';
  adapter = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const question = new URLSearchParams(body);
      questions.push(question);
      response.end(answer(request.url ?? '', question));
    });
  });
  adapter.listen(mqttAuthPort(), '127.0.0.1');
  await once(adapter, 'listening');
});
afterEach(async () => {
  adapter.closeAllConnections();
  adapter.close();
  await once(adapter, 'close');
});

const askedFor = () => questions.map((question) => question.get('username'));

describe('the broker', () => {
  it('lets a client without name in as "anonymous", and carries its messages', async () => {
    const subscription = await mosquittoSub(['-t', 'kp1/app-v1/+/token-1/#', '-q', '1', '-v']);
    try {
      const publish = await mosquittoPub(['-t', 'kp1/app-v1/dcx/token-1/json/1', '-m', '{"a":1}', '-q', '1']);
      expect(publish).toMatchObject({ code: 0, stderr: '' });
      await subscription.line((line) => line === 'kp1/app-v1/dcx/token-1/json/1 {"a":1}');
      expect(new Set(askedFor())).toEqual(new Set(['anonymous']));
    } finally {
      await subscription.stop();
    }
  });

  it('asks for a user name with a colon as it is', async () => {
    const publish = await mosquittoPub([
      '-t',
      'kp1/a/dcx/t/json',
      '-m',
      '1',
      '-u',
      'one:two',
      '-P',
      'secret',
    ]);
    expect(publish.code).toBe(0);
    expect(askedFor()).toContain('one:two');
  });

  it('refuses whom the adapter refuses', async () => {
    answer = () => 'deny';
    expect((await mosquittoPub(['-t', 'kp1/a/dcx/t/json', '-m', '1'])).code).not.toBe(0);
  });

  it('acknowledges nothing that may not be published', async () => {
    answer = (path) => (path.endsWith('/topic') ? 'deny' : 'allow');
    const publish = await mosquittoPub(
      ['-t', 'kp1/a/dcx/t/json', '-m', '1', '-q', '1', '-d', '--repeat', '1'],
      {
        deadlineMs: 3_000,
      },
    ).catch((error: unknown) => error);
    expect(JSON.stringify(publish) + String(publish)).not.toContain('received PUBACK');
  });
});
