// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { appendItem, insertAfter, replaceScalar } from '../edit-document.ts';
import { POLICY, temporaryFolder, trustPolicy } from '../spawn-writ.ts';
import type { Folder } from '../spawn-writ.ts';
import { createSigstore } from '../../test/sigstore/index.ts';
import { bumpDocument, readTerm, timeText } from './bump.ts';
import type { BumpOptions } from './bump.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
const bump = (text: string, options: Partial<BumpOptions> = {}): string => {
  const outcome = bumpDocument(Buffer.from(text), { file: 'a', bundles: [], termMs: undefined, now: NOW, ...options });
  return outcome.ok ? Buffer.from(outcome.bytes).toString() : outcome.problems.map(({ code }) => code).join();
};

const AWKWARD = `# version: 3 is not it
apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: a, annotations: {version: "3"}}   # spec.version: 3
spec:
    # raised with each change

    version:   3    # version: 3
    title: "version: 3"
    expires:   '2026-07-01T00:00:00Z' # soon
    workloads: [ Agent ]
    validations: [{expression: "true"}]
# the end
`;

describe('bump', () => {
  it('changes two values and not one byte more', () => {
    const expected = AWKWARD.replace('version:   3 ', 'version:   4 ').replace('2026-07-01T00:00:00Z', '2026-08-30T00:00:00Z');
    assert.equal(bump(AWKWARD), expected);
    assert.equal(bump(AWKWARD, { termMs: 7 * DAY_MS }), expected.replace('2026-08-30', '2026-06-08'));
  });

  it('adds an expiry where one is asked for and none was', () => {
    const [before, after] = ['version: 3\n', 'version: 4\n  expires: 2026-06-02T00:00:00Z\n'];
    assert.equal(bump(POLICY), POLICY.replace(before, 'version: 4\n'));
    assert.equal(bump(POLICY, { termMs: DAY_MS }), POLICY.replace(before, after));
    const json = '{"apiVersion": "x", "spec": {"version": 3}}\n';
    assert.equal(bump(json, { termMs: DAY_MS }), '{"apiVersion": "x", "spec": {"version": 4, "expires": "2026-06-02T00:00:00Z"}}\n');
    assert.equal(
      bump('spec: {version: 3, a: b} # c\n', { termMs: DAY_MS }),
      'spec: {version: 4, expires: 2026-06-02T00:00:00Z, a: b} # c\n',
    );
  });

  it('keeps the distance that the seal before it proves', () => {
    const sealed = createSigstore().seal({
      content: { message: Buffer.from(AWKWARD) },
      identity: { issuer: 'https://i', subject: 'https://s' },
      atMs: Date.UTC(2026, 4, 31, 23, 59, 59) - 10 * DAY_MS,
    });
    assert.match(bump(AWKWARD, { bundles: [JSON.stringify(sealed), '{'] }), /expires: {3}'2026-07-11T00:00:00Z'/);
  });

  it('never brings an end nearer unasked', () => assert.match(bump(AWKWARD.replace('2026-07', '2029-07')), /'2029-07-01T00:00:00Z'/));

  it('says what cannot be raised', () => {
    for (const [text, code] of [
      ['spec: {}\n', 'SEAL_VERSION'],
      ['kind: Tenant\n', 'SEAL_VERSION'],
      ['spec: {version: "3"}\n', 'SEAL_VERSION'],
      ['spec: {version: 9007199254740991}\n', 'SEAL_VERSION'],
      ['spec: {version: 3, expires: soon}\n', 'EDIT_IMPOSSIBLE'],
      ['spec: {version: 3, expires: [1]}\n', 'EDIT_IMPOSSIBLE'],
      ['spec: &a {version: 3}\n', 'DOCUMENT_FORBIDDEN'],
    ] as const)
      assert.equal(bump(text), code, text);
  });

  it('says of the highest version that it is the highest, and what to do', () => {
    const raised = bumpDocument(Buffer.from('spec: {version: 9007199254740991}\n'), {
      file: 'a.yaml',
      bundles: [],
      termMs: undefined,
      now: NOW,
    });
    const [problem] = raised.ok ? [] : raised.problems;
    assert.match(problem?.message ?? '', /the highest that there is/);
    assert.match(problem?.hint ?? '', /another name/);
  });

  it('reads terms as people write them', () => {
    assert.deepEqual(['90d', '12h', '30m'].map(readTerm), [90 * DAY_MS, DAY_MS / 2, 1_800_000]);
    for (const text of ['', '0d', '-1d', '1.5d', '1w', '9999999d', '90', 'constructor']) assert.equal(readTerm(text), undefined, text);
    assert.equal(timeText(NOW + 999), '2026-06-01T00:00:00Z');
  });
});

describe('an edit', () => {
  it('changes what it names and nothing else, in any layout', () => {
    const key = fc.constantFrom('a', 'version', 'b c', '__proto__x', 'x');
    const layouts = fc.record({
      before: fc.dictionary(key, fc.oneof(fc.string(), fc.integer(), fc.array(fc.integer(), { maxLength: 3 })), { maxKeys: 3 }),
      indent: fc.integer({ min: 1, max: 6 }),
      comment: fc.constantFrom('', ' # c', ' # version: 1 {'),
      isFlow: fc.boolean(),
    });
    fc.assert(
      fc.property(layouts, ({ before, indent, comment, isFlow }) => {
        const { version: _, ...rest } = before;
        const inner = Object.entries(rest).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
        const pad = ' '.repeat(indent);
        const text = isFlow
          ? `spec: {${[...inner, 'version: 1'].join(', ')}}${comment}\nend: 1\n`
          : `spec:${comment}\n${[...inner, `version: 1${comment}`].map((line) => `${pad}${line}\n`).join('')}end: 1\n`;
        const raised = replaceScalar(text, ['spec', 'version'], '2');
        assert.deepEqual(parse(raised ?? ''), { ...parse(text), spec: { ...rest, version: 2 } });
        const added = insertAfter(text, ['spec', 'version'], { name: 'expires', value: '2026-01-01T00:00:00Z' });
        assert.deepEqual(parse(added ?? ''), { ...parse(text), spec: { ...rest, version: 1, expires: '2026-01-01T00:00:00Z' } });
      }),
      { numRuns: 300 },
    );
  });

  it('adds an item to a list in the style of the list', () => {
    const text = 'a:\n  b:\n  - name: x\n    c: |\n      one\n      two\n  # after\n  d: 1\n';
    assert.equal(appendItem(text, ['a', 'b'], ['name: y', 'c: 2']), text.replace('      two\n', '      two\n  - name: y\n    c: 2\n'));
    assert.equal(appendItem('a:\n- {b: 1} # c\n- {b: 2} # d', ['a'], ['{b: 3}']), 'a:\n- {b: 1} # c\n- {b: 2} # d\n- {b: 3}');
    for (const other of ['a: []\n', 'a: [1]\n', 'a: 1\n', 'b:\n- 1\n']) assert.equal(appendItem(other, ['a'], ['x']), undefined);
  });
});

describe('writ sign --bump', () => {
  const scene = (): Folder => {
    const folder = temporaryFolder();
    folder.writ(['keygen', '--name', 'k']);
    folder.write({
      'policies/a.yaml': AWKWARD,
      'policies/b.yaml': POLICY,
      'trust.yaml': trustPolicy({ k: readFileSync(join(folder.path, 'k.pub'), 'utf8') }),
    });
    return folder;
  };

  it('raises, seals, and tells which seals count no more', () => {
    using folder = scene();
    const sign = (...args: readonly string[]) => folder.writ(['sign', 'policies/a.yaml', '--key', 'k.key', ...args]);
    assert.equal(sign('--signer', 'bob').code, 0);
    const { code, err } = sign('--bump', '--expires-in', '30d');
    assert.equal(code, 0);
    assert.match(
      err,
      /^policies\/a\.yaml: version 4, until 20.*Z\npolicies\/a\.yaml\.bob\.sigstore\.json: it is for the version before and counts no more\n/,
    );
    assert.match(folder.writ(['verify', 'policies/a.yaml', '--trust', 'trust.yaml']).out, /Policy a version 4, until .*, sealed by k/);
  });

  it('changes nothing where it cannot seal', () => {
    using folder = scene();
    for (const args of [
      ['--key', 'none.key'],
      ['--signer-command', 'false', '--public-key', 'k.pub'],
    ])
      assert.equal(folder.writ(['sign', 'policies/a.yaml', 'policies/b.yaml', '--bump', ...args]).code, 1);
    assert.equal(readFileSync(join(folder.path, 'policies/a.yaml'), 'utf8'), AWKWARD);
  });

  it('raises the sequence of a set, and leaves the documents', () => {
    using folder = scene();
    const sign = (...args: readonly string[]) =>
      folder.writ(['sign', 'policies/a.yaml', 'policies/b.yaml', '--key', 'k.key', '--as', 'set', ...args]);
    for (const sequence of [1, 2]) assert.match(sign('--bump').out, new RegExp(`seal\\.sigstore\\.json: set ${sequence}\n`));
    assert.match(sign('--sequence', '9').out, /set 9/);
    assert.match(sign('--bump', '--expires-in', '1d').out, /set 10/);
    assert.equal(readFileSync(join(folder.path, 'policies/a.yaml'), 'utf8'), AWKWARD);
    assert.match(sign().err, /needs --sequence.*or --bump/);
    const sourceOf = (): unknown => {
      const bundle = JSON.parse(readFileSync(join(folder.path, 'seal.sigstore.json'), 'utf8'));
      return JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()).predicate.source;
    };
    assert.equal(sign('--bump', '--source', 'writ-system/policies').code, 0);
    assert.equal(sign('--bump').code, 0);
    assert.equal(sourceOf(), 'writ-system/policies');
    assert.match(sign('--bump', '--source', '../x').err, /write NAMESPACE\/NAME/);
  });

  it('belongs to files that are published', () => {
    using folder = scene();
    for (const [args, words] of [
      [['--as', 'approval', '--bump'], /--bump belongs to the one who publishes/],
      [['--output', 'resource', '--bump'], /--bump changes the file/],
      [['--expires-in', '9d'], /needs --bump/],
      [['--bump', '--expires-in', 'soon'], /write days, hours or minutes/],
      [['--as', 'approval', '--expires', '2027-01-01T00:00:00Z', '--expires-in', '9d'], /exclude each other/],
    ] as const) {
      const { code, err } = folder.writ(['sign', 'policies/a.yaml', '--key', 'k.key', ...args]);
      assert.deepEqual([code, words.test(err)], [2, true], err);
    }
  });
});
