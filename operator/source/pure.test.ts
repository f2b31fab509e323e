// SPDX-License-Identifier: Apache-2.0
// Properties of the parts that look at hostile text before anything runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createBlobCache } from './blobs.ts';
import { failureOf, redact } from './failure.ts';
import { folderOf, ignoreMatcher } from './ignore.ts';
import { jittered } from './jitter.ts';
import { checkRef } from './ref.ts';
import { parseSourceUrl } from './url.ts';

test('whatever URL is let through starts with an allowed scheme and holds no secret', () => {
  const policy = { allowFileUrls: false, allowPlainHttp: false };
  const pieces = fc.constantFrom(
    'https://',
    'ssh://',
    'ext::',
    'http://',
    'git@',
    '-o',
    'host',
    ':',
    '/',
    '@',
    '%2d',
    'a b',
    '..',
    '?x',
    '#y',
    '\\',
    ':22',
    'user:pw@',
    '[::1]',
    '\n',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join('')),
        fc.webUrl(),
        fc.string(),
      ),
      (text) => {
        const parsed = parseSourceUrl(text, policy);
        if (!parsed.ok) return parsed.problem.code === 'SOURCE_URL_REFUSED' && !JSON.stringify(parsed.problem).includes('pw@');
        const url = new URL(parsed.value.href);
        return (
          /^(https|ssh):\/\/[^-]/.test(parsed.value.href) &&
          url.password === '' &&
          !url.hostname.startsWith('-') &&
          !/[\s\\]/.test(parsed.value.href)
        );
      },
    ),
    { numRuns: 2000 },
  );
});

test('a ref that is let through is no option, no refspec and no pattern', () => {
  const name = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom('-', 'a', '/', '.', ':', '*', '+', '@', '{', '^', ' ', '.lock', '\0'), { maxLength: 6 })
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(
      name,
      (branch) => checkRef({ branch }) !== undefined || (branch !== '' && !branch.startsWith('-') && !/[\s:*^~?[\\]|\.\./.test(branch)),
    ),
    { numRuns: 2000 },
  );
  assert.equal(checkRef({ branch: 'feature/a+b@c.d' }), undefined);
});

test('a folder is inside the repository', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', '.', '..', '', 'b c')).map((parts) => parts.join('/')),
      (path) => {
        const folder = folderOf(path);
        return !folder.ok || !folder.value.split('/').some((part) => part === '..' || part === '.');
      },
    ),
  );
  assert.deepEqual(folderOf(undefined), { ok: true, value: '' });
  assert.deepEqual(folderOf('.//a/./b/'), { ok: true, value: 'a/b' });
});

test('ignore patterns that could run for ever are refused', () => {
  assert.equal(ignoreMatcher('*a'.repeat(20)).ok, false);
  assert.equal(ignoreMatcher('x'.repeat(20_000)).ok, false);
  const matcher = ignoreMatcher('# note\n*.md\n!keep.md\nold/\n');
  assert.ok(matcher.ok);
  assert.deepEqual(['a.md', 'keep.md', 'x/old/y', 'old.yaml'].map(matcher.value), [true, false, true, false]);
});

test('an interval keeps its meaning when it is jittered', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (intervalMs, random) => {
      const ms = jittered(intervalMs, () => random);
      return Number.isInteger(ms) && ms >= 1 && Math.abs(ms - intervalMs) <= intervalMs * 0.05 + 1;
    }),
  );
  assert.notEqual(
    jittered(60_000, () => 0),
    jittered(60_000, () => 0.9),
  );
});

test('the cache holds the most recently used and never more than its limit', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key: fc.integer({ min: 0, max: 9 }), size: fc.integer({ min: 0, max: 40 }) })), (writes) => {
      const cache = createBlobCache(100);
      for (const { key, size } of writes) {
        cache.set(String(key), new Uint8Array(size));
        assert.ok(cache.bytes <= 100);
        assert.equal(cache.get(String(key))?.length, size <= 25 ? size : undefined);
      }
    }),
  );
  const cache = createBlobCache(60);
  for (const key of ['a', 'b', 'c', 'd']) cache.set(key, new Uint8Array(15));
  cache.get('a');
  cache.set('e', new Uint8Array(15));
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map((key) => cache.get(key) !== undefined),
    [true, false, true, true, true],
  );
});

test('what git says is told without secrets, addresses of users and timings', () => {
  assert.equal(
    redact('fatal: https://ada:pw123@host/x after 31 ms tok123\n\u001b[31m', ['tok123']),
    'fatal: https://***@host/x after some ms *** [31m',
  );
  const run = { exitCode: 128, stdout: Buffer.alloc(0), stopped: undefined };
  const rows = [
    ['fatal: unable to access x: gnutls_handshake() failed: certificate verify failed', 'SOURCE_TLS', false],
    ['fatal: unable to access x: SSL certificate problem: unable to get local issuer certificate', 'SOURCE_TLS', false],
    ["fatal: unable to access x: SSL: no alternative certificate subject name matches target host name '::1'", 'SOURCE_TLS', false],
    ['fatal: unable to access x: OpenSSL SSL_read: error:0A000412:SSL routines::tlsv1 alert unknown ca', 'SOURCE_TLS', false],
    ['error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.', 'SOURCE_UNREACHABLE', true],
    ['fatal: unable to access x: gnutls_handshake() failed: The TLS connection was non-properly terminated.', 'SOURCE_UNREACHABLE', true],
    ['fatal: unable to access x: OpenSSL SSL_read: Connection reset by peer, errno 104', 'SOURCE_UNREACHABLE', true],
    ['fatal: unable to access x: OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to x:443', 'SOURCE_UNREACHABLE', true],
    ['fatal: unable to access x: error:0A000126:SSL routines::unexpected eof while reading', 'SOURCE_UNREACHABLE', true],
    ['fatal: write error: No space left on device', 'SOURCE_DISK_FULL', true],
    ['Host key verification failed.\nfatal: Could not read from remote repository.', 'SOURCE_HOST_KEY', false],
    ['fatal: Authentication failed for x', 'SOURCE_CREDENTIAL_REFUSED', false],
    ['ssh: Could not resolve hostname x: Name or service not known', 'SOURCE_UNREACHABLE', true],
    ['fatal: something new', 'SOURCE_FAILED', true],
  ] as const;
  for (const [stderr, code, transient] of rows) {
    const failed = failureOf({ ...run, stderr }, { doing: 'fetching', secrets: [] });
    assert.deepEqual([failed.problem.code, failed.transient], [code, transient], stderr);
  }
});
