// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { defineFlags, formatDuration, parseDuration, parseFlags } from './flags.ts';

const table = defineFlags({
  'webhook-url': { type: 'string', env: 'WRIT_WEBHOOK_URL', doc: 'Where the webhook is.' },
  'log-level': { type: 'string', choices: ['info', 'debug'], default: 'info', doc: 'How much is logged.' },
  port: { type: 'number', default: 8443, min: 0, max: 65535, env: 'WRIT_PORT', doc: 'The port.' },
  'drain-time': { type: 'duration', default: 5000, doc: 'How long to serve on.' },
  verbose: { type: 'boolean', doc: 'Says more.' },
  host: { type: 'list', doc: 'Hosts.' },
});

const parse = (argv: readonly string[], env: Record<string, string> = {}) => parseFlags(table, { argv, env, program: 'writ-test' });
const valuesOf = (argv: readonly string[], env: Record<string, string> = {}) => {
  const parsed = parse(argv, env);
  assert.equal(parsed.kind, 'values', JSON.stringify(parsed));
  return parsed.kind === 'values' ? parsed.values : assert.fail();
};
const messageOf = (argv: readonly string[], env: Record<string, string> = {}): string => {
  const parsed = parse(argv, env);
  return parsed.kind === 'error' ? parsed.message : assert.fail(JSON.stringify(parsed));
};

describe('flags', () => {
  it('have their defaults when nothing is given', () => {
    assert.deepEqual(
      { ...valuesOf([]) },
      { 'webhook-url': undefined, 'log-level': 'info', port: 8443, 'drain-time': 5000, verbose: false, host: [] },
    );
  });

  it('are typed by their table', () => {
    const values = valuesOf([]);
    const level: 'info' | 'debug' = values['log-level'];
    const port: number = values.port;
    const url: string | undefined = values['webhook-url'];
    assert.deepEqual([level, port, url], ['info', 8443, undefined]);
  });

  it('beat the environment, which beats the default', () => {
    assert.equal(valuesOf([], { WRIT_PORT: '1' }).port, 1);
    assert.equal(valuesOf(['--port=2'], { WRIT_PORT: '1' }).port, 2);
    assert.equal(valuesOf([], { WRIT_PORT: '' }).port, 8443);
  });

  it('take a value after = or in the next word', () => {
    assert.equal(valuesOf(['--webhook-url', 'https://x/?a=b']).port, 8443);
    assert.equal(valuesOf(['--webhook-url=https://x/?a=b'])['webhook-url'], 'https://x/?a=b');
    assert.deepEqual(valuesOf(['--host=a,b', '--host', 'c']).host, ['a', 'b', 'c']);
  });

  it('of type boolean need no value and have a negation', () => {
    assert.equal(valuesOf(['--verbose']).verbose, true);
    assert.equal(valuesOf(['--verbose=false']).verbose, false);
    assert.equal(valuesOf(['--no-verbose']).verbose, false);
  });

  const refusals: readonly (readonly [readonly string[], RegExp])[] = [
    [['--webhok-url=x'], /unknown flag --webhok-url; did you mean --webhook-url\?/],
    [['--entirely-different'], /unknown flag --entirely-different; --help/],
    [['--constructor=x'], /unknown flag --constructor/],
    [['--__proto__=x'], /unknown flag --__proto__/],
    [['--no-port'], /unknown flag --no-port/],
    [['x'], /"x" is not a flag/],
    [['--'], /"--" is not a flag/],
    [['--port'], /--port needs a value/],
    [['--port', '--verbose'], /--port needs a value/],
    [['--port=eighty'], /--port: "eighty" is not a number/],
    [['--port='], /--port: "" is not a number/],
    [['--port=70000'], /not within 0 and 65535/],
    [['--port=1', '--port=2'], /given twice/],
    [['--verbose=yes'], /neither true nor false/],
    [['--drain-time=5'], /not a duration/],
    [['--log-level=loud'], /none of info, debug/],
  ];
  for (const [argv, message] of refusals) it(`refuse ${argv.join(' ')}`, () => assert.match(messageOf(argv), message));

  it('name the variable when the environment is at fault', () => {
    assert.match(messageOf([], { WRIT_PORT: 'x' }), /^WRIT_PORT: "x" is not a number/);
  });

  it('that are required are asked for', () => {
    const required = defineFlags({ name: { type: 'string', required: true, env: 'NAME', doc: 'Who.' } });
    const parsed = parseFlags(required, { argv: [], env: {}, program: 'p' });
    assert.deepEqual(parsed, { kind: 'error', message: '--name is required (or NAME): Who.' });
  });

  it('are listed by --help with default and variable', () => {
    const parsed = parse(['--help']);
    assert.equal(parsed.kind, 'help');
    if (parsed.kind === 'help') {
      assert.match(parsed.text, /--port <number>\s+The port\. Default 8443\. \[WRIT_PORT\]/);
      assert.match(parsed.text, /--drain-time <duration>.*Default 5s\./);
    }
  });

  it('never throw', () => {
    fc.assert(fc.property(fc.array(fc.string()), (argv) => void parse(argv)));
  });
});

describe('durations', () => {
  for (const [text, wanted] of [
    ['500ms', 500],
    ['10s', 10_000],
    ['1m', 60_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['0', 0],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(parseDuration(text), wanted));
  }
  for (const text of ['', '5', 's', '1x', '-1s', '1s ', '1 s', '1s1', 'NaNs'])
    it(`refuses "${text}"`, () => assert.equal(parseDuration(text), undefined));
  it('are written so that they read back', () => {
    fc.assert(fc.property(fc.nat(), (durationMs) => assert.equal(parseDuration(formatDuration(durationMs)), durationMs)));
  });
});
