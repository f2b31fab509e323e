// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '../../policies/document/digest.ts';
import { formatProblem } from '../../policies/problem.ts';
import { seal, sealStatement } from '../../policies/trust/seal.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { readManifest } from './index.ts';
import { placeOf } from './layout.ts';
import {
  ada,
  bob,
  stranger,
  trustText,
  trustOf,
  TRUST,
  policy,
  tenant,
  sealed,
  verifyFiles,
  problemsOf,
  versionText,
} from './test-manifest.ts';
import type { Files } from './test-manifest.ts';

test('a repository becomes objects with their exact bytes, seals and signers', () => {
  const files = {
    ...sealed('policies/a.yaml', policy('a', 3)),
    'policies/a.yaml.bob.sigstore.json': seal(Buffer.from(policy('a', 3)), bob.privateKey),
    'policies/a.cases.yaml': 'cases: []',
    'tenants/acme.yaml': tenant('acme'),
    'trust.yaml': TRUST,
    'README.md': '# hi',
    'docs/x.yaml': 'not: ours',
    'docs/x.sigstore.json': '{}',
    'policies/NOTES.txt': 'left alone',
  };
  const verified = verifyFiles(files);
  assert.ok(verified.ok, verified.ok ? '' : verified.problems.map(formatProblem).join('\n'));
  assert.deepEqual(
    verified.objects.map((object) => [
      object.kind,
      object.name,
      object.path,
      object.bundles.length,
      object.signers.map((signer) => signer.name),
    ]),
    [
      ['Policy', 'a', 'policies/a.yaml', 2, ['ada', 'bob']],
      ['Tenant', 'acme', 'tenants/acme.yaml', 0, []],
      ['TrustPolicy', 'cluster', 'trust.yaml', 0, []],
    ],
  );
  const [first] = verified.objects;
  assert.ok(first?.kind === 'Policy');
  assert.equal(first.version, 3);
  assert.equal(first.document, policy('a', 3));
  assert.equal(first.digest, digestOf(Buffer.from(policy('a', 3))));
});

test('seals are stored in one form, however their files are laid out', () => {
  const text = policy('a', 3);
  const [one, set] = [seal(Buffer.from(text), ada.privateKey), seal(Buffer.from(text), bob.privateKey)];
  const laidOut = (bundle: string): string => {
    const value: unknown = JSON.parse(bundle);
    return `${JSON.stringify(value, undefined, '\t')}\n`;
  };
  const files = { 'policies/a.yaml': text, 'policies/a.yaml.sigstore.json': laidOut(one), 'seal.sigstore.json': laidOut(set) };
  const { documents, sets } = readManifest(Object.entries(files).map(([path, said]) => ({ path, bytes: Buffer.from(said) })));
  assert.deepEqual(documents[0]?.bundles, [one, set]);
  assert.deepEqual(sets, [set]);
});

test('everything wrong with a commit is told at once, by file and line', () => {
  const files = {
    'policies/unsealed.yaml': policy('unsealed'),
    ...sealed('policies/stranger.yaml', policy('stranger'), stranger),
    ...sealed('policies/named.yaml', policy('other')),
    ...sealed('policies/tampered.yaml', policy('tampered')),
    ...sealed('policies/tenant.yaml', tenant('tenant')),
    'policies/gone.yaml.sigstore.json': '{}',
    'policies/nested/deep.yaml': policy('deep'),
    'policies/short.yml': policy('short'),
    'policies/Upper.yaml': policy('upper'),
    'rulesets/eu.yaml': 'kind: Ruleset',
    'rulesets/lost/policies/a.yaml': policy('a'),
    'rulesets/open/ruleset.yaml': 'kind: Ruleset',
    'tenants/bad.yaml': tenant('bad', '  teir: Free\n'),
    'tenants/bomb.yaml': `a: &a [x]\nb: [${'*a,'.repeat(50)}]\n`,
    'tenants/policy.yaml': policy('policy'),
    'trust.yaml': `${TRUST} `,
  };
  const changed = {
    ...files,
    'policies/tampered.yaml': policy('tampered', 2),
    'policies/stranger.yaml.ada.sigstore.json': Uint8Array.from([0xff, 0xfe]),
  };
  const problems = problemsOf(changed);
  const expected = [
    'SEAL_MISSING policies/unsealed.yaml:1',
    'SEAL_UNKNOWN_KEY policies/stranger.yaml:1',
    'SEAL_ENCODING policies/stranger.yaml.ada.sigstore.json:1',
    'MANIFEST_NAME policies/named.yaml:3',
    'SEAL_DIGEST_MISMATCH policies/tampered.yaml:1',
    'SEAL_ORPHAN policies/gone.yaml.sigstore.json:1',
    'MANIFEST_MISPLACED policies/nested/deep.yaml:1',
    'MANIFEST_MISPLACED policies/short.yml:1',
    'MANIFEST_MISPLACED policies/Upper.yaml:1',
    'MANIFEST_MISPLACED rulesets/eu.yaml:1',
    'MANIFEST_MISPLACED rulesets/lost/policies/a.yaml:1',
    'SEAL_MISSING rulesets/open/ruleset.yaml:1',
    'DOCUMENT_UNKNOWN_FIELD tenants/bad.yaml:6',
    'MANIFEST_KIND tenants/policy.yaml:2',
    'TRUST_NOT_PINNED trust.yaml:1',
  ];
  for (const one of expected) assert.ok(problems.includes(one), `${one} is missing in\n${problems.join('\n')}`);
  assert.ok(
    problems.some((one) => one.startsWith('DOCUMENT_') && one.includes('tenants/bomb.yaml')),
    problems.join('\n'),
  );
  assert.ok(
    problems.some((one) => one.startsWith('SEAL_') && one.includes('policies/tenant.yaml')),
    'a Tenant in the folder of policies',
  );
});

test('two policies of one name are refused, naming both files', () => {
  const verified = verifyFiles({ ...sealed('policies/a.yaml', policy('a')), ...sealed('policies/b.yaml', policy('a', 2)) });
  assert.ok(!verified.ok);
  assert.deepEqual(verified.problems.map((found) => found.code).toSorted(), ['MANIFEST_DUPLICATE', 'MANIFEST_NAME']);
  const duplicate = verified.problems.find((found) => found.code === 'MANIFEST_DUPLICATE');
  assert.equal(duplicate?.at?.file, 'policies/b.yaml');
  assert.match(duplicate?.message ?? '', /policies\/a\.yaml/);
});

test('a Tenant needs a seal where the trust policy names its kind', () => {
  const strict = trustOf(trustText(['Policy', 'Tenant']));
  assert.deepEqual(problemsOf({ 'tenants/acme.yaml': tenant('acme') }), ['ok']);
  assert.deepEqual(problemsOf({ 'tenants/acme.yaml': tenant('acme') }, strict), ['SEAL_MISSING tenants/acme.yaml:1']);
});

test('thresholds count the seals of several people', () => {
  const both = trustOf(trustText(['Policy'], 2));
  const one = sealed('policies/a.yaml', policy('a'));
  assert.deepEqual(problemsOf(one, both), ['SEAL_THRESHOLD policies/a.yaml:1']);
  assert.deepEqual(problemsOf({ ...one, 'policies/a.yaml.bob.sigstore.json': seal(Buffer.from(policy('a')), bob.privateKey) }, both), [
    'ok',
  ]);
});

test('an empty repository is whole; whether it may be applied is not decided here', () => {
  assert.deepEqual(verifyFiles({}), { ok: true, objects: [] });
});

test('the layout is total over names, and a seal finds its file whatever the order', () => {
  const part = fc.constantFrom(
    'policies',
    'tenants',
    'rulesets',
    '/',
    '.yaml',
    '.yml',
    '.sigstore.json',
    '.cases',
    'trust',
    'a',
    'B',
    '__proto__',
    'constructor',
    '..',
    '.',
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
      (path) => placeOf(path).is.length > 0,
    ),
  );
  assert.equal(placeOf('constructor/a.yaml').is, 'foreign');
  assert.equal(placeOf('__proto__/a.yaml').is, 'foreign');
  const files = [
    { path: 'policies/a.yaml', bytes: Buffer.from('x') },
    { path: 'policies/a.yaml.z.sigstore.json', bytes: Buffer.from('2') },
    { path: 'policies/a.yaml.sigstore.json', bytes: Buffer.from('1') },
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(files, { minLength: 3 }), (shuffled) => {
      assert.deepEqual(
        readManifest(shuffled).documents.map((document) => document.bundles),
        [['1', '2']],
      );
    }),
  );
});

test('hostile bytes give problems, never an exception', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('policies/a.yaml', 'tenants/a.yaml', 'trust.yaml', 'policies/a.yaml.sigstore.json'),
      (bytes, path) => {
        const verified = verifyFiles({ ...sealed('policies/a.yaml', policy('a')), [path]: bytes });
        return !verified.ok && verified.problems.length > 0;
      },
    ),
    { numRuns: 300 },
  );
});

test('one seal for the whole repository counts for every document that it names', () => {
  const paths = ['policies/a.yaml', 'policies/b.yaml'];
  const texts = paths.map((_, index) => policy(['a', 'b'][index] ?? ''));
  const subjects = paths.map((name, index) => ({ name, digest: digestOf(Buffer.from(texts[index] ?? '')) }));
  const set = (count: number): string => sealStatement(writeStatement('set', subjects.slice(0, count), { sequence: 1 }), ada.privateKey);
  const files = (count: number): Files => ({
    [paths[0] ?? '']: texts[0] ?? '',
    [paths[1] ?? '']: texts[1] ?? '',
    'seal.sigstore.json': set(count),
  });
  assert.deepEqual(problemsOf(files(2)), ['ok']);
  assert.deepEqual(problemsOf(files(1)), ['SEAL_DIGEST_MISMATCH policies/b.yaml:1']);
  assert.deepEqual(problemsOf({ ...files(1), ...sealed('policies/b.yaml', texts[1] ?? '') }), ['ok']);
  assert.deepEqual(problemsOf({ ...files(2), 'seal.sigstore.json': Uint8Array.from([0xff]) }).toSorted(), [
    'SEAL_ENCODING seal.sigstore.json:1',
    'SEAL_MISSING policies/a.yaml:1',
    'SEAL_MISSING policies/b.yaml:1',
  ]);
});

test('the trusted root travels with the trust policy that pins it, or nothing is applied', () => {
  const root = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}';
  const pinning = TRUST.replace('"version":1', `"version":1,"trustedRootSha256":"${digestOf(Buffer.from(root)).slice('sha256:'.length)}"`);
  const by = trustOf(pinning);
  const verified = verifyFiles({ 'trust.yaml': pinning, 'trusted_root.json': root }, by);
  const [first] = verified.ok ? verified.objects : [];
  assert.ok(first?.kind === 'TrustPolicy' && first.trustedRoot === root);
  assert.deepEqual(problemsOf({ 'trust.yaml': pinning }, by), ['TRUST_ROOT_MISSING trusted_root.json:1']);
  assert.deepEqual(problemsOf({ 'trust.yaml': pinning, 'trusted_root.json': `${root}\n` }, by), [
    'TRUST_ROOT_MISMATCH trusted_root.json:1',
  ]);
});

test('a policy without a seal is taken where the trust policy lets such note, and a seal that is wrong is not', () => {
  const lax = trustOf(versionText(1, [['ada', ada]], { unsigned: 'Audit' }));
  const files = { 'policies/a.yaml': policy('a'), ...sealed('policies/b.yaml', policy('b')) };
  const verified = verifyFiles(files, lax);
  assert.ok(verified.ok);
  assert.deepEqual(
    verified.objects.map((object) => [object.name, object.kind === 'Policy' && object.unsigned, object.bundles.length]),
    [
      ['a', true, 0],
      ['b', false, 1],
    ],
  );
  assert.deepEqual(problemsOf(files, trustOf(versionText(1, [['ada', ada]]))), ['SEAL_MISSING policies/a.yaml:1']);
  const mismatched = { ...files, 'policies/a.yaml.sigstore.json': seal(Buffer.from('x'), ada.privateKey) };
  assert.deepEqual(problemsOf(mismatched, lax), ['SEAL_DIGEST_MISMATCH policies/a.yaml:1']);
  // The seal of the whole repository does not name it: nobody has sealed it.
  const statement = writeStatement('set', [{ name: 'policies/b.yaml', digest: digestOf(Buffer.from(policy('b'))) }], { sequence: 1 });
  const set = { ...files, 'seal.sigstore.json': sealStatement(statement, ada.privateKey) };
  assert.deepEqual(problemsOf(set, lax), ['ok']);
  const late = policy('a').replace('spec:', 'spec:\n  expires: 2020-01-01T00:00:00Z');
  assert.deepEqual(problemsOf({ 'policies/a.yaml': late }, lax), ['SEAL_EXPIRED policies/a.yaml:5']);
});

const catalog = (tiers = '[{name: Free}]'): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: TierCatalog\nmetadata: {name: cluster}\nspec:\n  version: 2\n  tiers: ${tiers}\n`;
const license = (name: string): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: License\nmetadata: {name: ${name}}\nspec: {version: 3, installation: a, tier: Free, expires: "2027-01-01T00:00:00Z"}\n`;

test('a catalog and licenses are documents with places of their own, and need seals by rules of their kinds', () => {
  const files = { ...sealed('tiers.yaml', catalog()), ...sealed('licenses/acme.yaml', license('acme')) };
  const verified = verifyFiles(files, trustOf(trustText(['TierCatalog', 'License'])));
  assert.ok(verified.ok, verified.ok ? '' : verified.problems.map(formatProblem).join('\n'));
  assert.deepEqual(
    verified.objects.map((object) => [object.kind, object.name, object.path, 'version' in object ? object.version : 0]),
    [
      ['License', 'acme', 'licenses/acme.yaml', 3],
      ['TierCatalog', 'cluster', 'tiers.yaml', 2],
    ],
  );
  assert.deepEqual(problemsOf(files, trustOf(trustText(['Policy', 'TierCatalog']))), ['SEAL_NO_RULE licenses/acme.yaml:1']);
  assert.deepEqual(problemsOf(files, trustOf(trustText(['License']))), ['SEAL_NO_RULE tiers.yaml:1']);
  const both = trustOf(trustText(['TierCatalog', 'License']));
  assert.deepEqual(problemsOf({ 'tiers.yaml': catalog(), 'licenses/acme.yaml': license('acme') }, both), [
    'SEAL_MISSING licenses/acme.yaml:1',
    'SEAL_MISSING tiers.yaml:1',
  ]);
  assert.deepEqual(problemsOf(sealed('licenses/other.yaml', license('acme')), both), ['MANIFEST_NAME licenses/other.yaml:3']);
  assert.deepEqual(
    problemsOf(sealed('licenses/acme.yaml', catalog()), both),
    ['MANIFEST_KIND licenses/acme.yaml:2', 'MANIFEST_NAME licenses/acme.yaml:3'].slice(0, 1),
  );
  assert.deepEqual(problemsOf(sealed('tiers.yaml', catalog('[{name: Free, defaults: {owners: []}}]')), both), [
    'CATALOG_INVALID tiers.yaml:6',
  ]);
  assert.deepEqual(
    ['tiers.yaml.bob.sigstore.json', 'licenses/a.yaml.sigstore.json', 'licenses/a.yml', 'tiers/x.yaml'].map((path) => placeOf(path).is),
    ['seal', 'seal', 'misplaced', 'foreign'],
  );
});
