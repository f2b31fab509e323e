// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { createLog } from './log.ts';

const lines = () => {
  const written: string[] = [];
  const log = createLog({ name: 'test', level: 'debug', destination: { write: (line: string) => void written.push(line) } });
  return { log, last: (): Record<string, unknown> => JSON.parse(written.at(-1) ?? '{}'), text: () => written.join('') };
};

describe('the log', () => {
  it('writes one JSON object a line with level, time, name and message', () => {
    const { log, last, text } = lines();
    log.info({ tenant: 'acme' }, 'hello\nworld');
    assert.deepEqual({ ...last(), time: 'T' }, { level: 'info', time: 'T', name: 'test', tenant: 'acme', msg: 'hello\nworld' });
    assert.equal(text().split('\n').length, 2);
  });

  const secrets: readonly (readonly [string, (log: ReturnType<typeof lines>['log']) => void])[] = [
    ['an authorization header', (log) => log.info({ headers: { Authorization: 'Bearer s3cr3t-value-1' } }, 'x')],
    ['a token field', (log) => log.info({ git: { bearerToken: 's3cr3t-value-1' } }, 'x')],
    ['a password field', (log) => log.info({ password: 's3cr3t-value-1' }, 'x')],
    ['a key of a TLS secret', (log) => log.info({ data: { 'tls.key': 's3cr3t-value-1' } }, 'x')],
    ['a bearer token in the message', (log) => log.info('sent Bearer s3cr3t-value-1 to it')],
    ['a password in a URL', (log) => log.info({ url: 'https://joe:s3cr3t-value-1@git.example/x' }, 'x')],
    ['an error message', (log) => log.error(new Error('fetch of https://joe:s3cr3t-value-1@git failed'))],
    ['an error field', (log) => log.error({ err: new Error('Bearer s3cr3t-value-1') }, 'x')],
    ['the cause of an error', (log) => log.error({ err: new Error('x', { cause: new Error('Bearer s3cr3t-value-1') }) }, 'x')],
    ['a value of a format', (log) => log.info('got %s', 'Bearer s3cr3t-value-1')],
    ['a private key', (log) => log.info({ pem: '-----BEGIN EC PRIVATE KEY-----\ns3cr3t-value-1\n-----END EC PRIVATE KEY-----' }, 'x')],
    ['a private key that was cut', (log) => log.info('-----BEGIN PRIVATE KEY-----\ns3cr3t-value-1')],
    ['a child logger', (log) => log.child({ token: 's3cr3t-value-1' }).info('x')],
  ];
  for (const [what, act] of secrets) {
    it(`takes out ${what}`, () => {
      const { log, text } = lines();
      act(log);
      assert.match(text(), /redacted/);
      assert.doesNotMatch(text(), /s3cr3t-value-1/);
    });
  }

  it('survives whatever is logged', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true, withNullPrototype: true }),
        (value) => {
          const { log, text } = lines();
          log.info({ value, ['__proto__']: value, constructor: value }, 'x');
          JSON.parse(text());
        },
      ),
      { numRuns: 200 },
    );
  });

  it('survives a date that is none', () => {
    const { log, text } = lines();
    log.info({ at: new Date(Number.NaN) }, 'x');
    assert.match(text(), /no date/);
  });

  it('survives a value that holds itself', () => {
    const { log, text } = lines();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    log.info({ loop }, 'x');
    assert.match(text(), /deeper/);
  });
});
