// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '../../policies/document/digest.ts';
import { formatProblem } from '../../policies/problem.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { seal, sealStatement } from '../../policies/trust/seal.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { readManifest, wantedPaths } from './index.ts';
import { placeOf } from './layout.ts';
import { chainOf, readManifestTrust } from './trust.ts';
import { verifyManifest } from './verify.ts';
import type { VerifiedManifest } from './verify.ts';

const NOW = Date.UTC(2026, 5, 1);
const ada = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const bob = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const principal = (name: string, pair: typeof ada): object => ({
  name,
  publicKeys: [{ pem: String(pair.publicKey.export({ type: 'spki', format: 'pem' })) }],
});
const trustText = (kinds: readonly string[], threshold = 1): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version: 1,
      principals: [principal('ada', ada), principal('bob', bob)],
      rules: [{ kinds, allOf: [{ threshold, principals: ['ada', 'bob'] }] }],
    },
  });
const trustOf = (text: string): Trust => {
  const bytes = Buffer.from(text);
  const loaded = loadTrust(bytes, { pinnedDigest: digestOf(bytes) });
  assert.ok(loaded.ok, loaded.ok ? '' : formatProblem(loaded.problem));
  return loaded.trust;
};
const TRUST = trustText(['Policy']);
const trust = trustOf(TRUST);

const policy = (name: string, version = 1): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata: {name: ${name}}\nspec:\n  version: ${version}\n  workloads: [Agent]\n  validations: [{expression: "true"}]\n`;
const tenant = (name: string, more = ''): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: ${name}}\nspec:\n  tier: Free\n${more}`;

type Files = Readonly<Record<string, string | Uint8Array>>;
const sealed = (path: string, text: string, pair = ada): Files => ({
  [path]: text,
  [`${path}.sigstore.json`]: seal(Buffer.from(text), pair.privateKey),
});
const verifyFiles = (files: Files, by = trust): VerifiedManifest =>
  verifyManifest(readManifest(wantedPaths(Object.keys(files)).map((path) => ({ path, bytes: Buffer.from(files[path] ?? '') }))), {
    trust: by,
    at: NOW,
  });
const problemsOf = (files: Files, by = trust): readonly string[] => {
  const verified = verifyFiles(files, by);
  return verified.ok ? ['ok'] : verified.problems.map((found) => `${found.code} ${found.at?.file ?? ''}:${found.at?.line ?? ''}`);
};

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

const versionText = (version: number, who: readonly (readonly [string, typeof ada])[], more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version,
      principals: who.map(([name, pair]) => principal(name, pair)),
      rules: [{ kinds: ['Policy', 'TrustPolicy'], allOf: [{ threshold: 1, principals: who.map(([name]) => name) }] }],
      ...more,
    },
  });
const one = versionText(1, [['ada', ada]]);
const two = versionText(2, [['bob', bob]]);
const sealedByBoth = (path: string, text: string): Files => ({
  ...sealed(path, text),
  [`${path}.bob.sigstore.json`]: seal(Buffer.from(text), bob.privateKey),
});
const manifestOf = (files: Files) =>
  readManifest(wantedPaths(Object.keys(files)).map((path) => ({ path, bytes: Buffer.from(files[path] ?? '') })));
const pinnedDigest = digestOf(Buffer.from(one));
/** As a commit is read: under the trust policy that it brings. */
const readCommitFiles = (files: Files, held?: Trust): readonly string[] => {
  const manifest = manifestOf(files);
  const brought = readManifestTrust({ manifest, held, pinnedDigest, at: NOW });
  // What follows the first are the seals that do not count.
  if (!brought.ok) return brought.problems.slice(0, 1).map(({ code, at }) => `${code} ${at?.file ?? ''}`);
  assert.ok(brought.trust);
  const verified = verifyManifest(manifest, { trust: brought.trust, at: NOW });
  return verified.ok
    ? verified.objects.map((object) => `${object.kind}/${object.name} by ${object.signers.map(({ name }) => name).join()}`)
    : verified.problems.map(({ code, at }) => `${code} ${at?.file ?? ''}`);
};

test('a commit that hands trust on is judged as a whole by the new version', () => {
  const handed = { ...sealedByBoth('trust.yaml', two), 'trust/1.yaml': one };
  const held = trustOf(one);
  const wholly = { ...handed, ...sealed('policies/a.yaml', policy('a'), bob) };
  assert.deepEqual(readCommitFiles(wholly, held), ['Policy/a by bob', 'TrustPolicy/cluster by ']);
  assert.deepEqual(readCommitFiles(wholly), ['Policy/a by bob', 'TrustPolicy/cluster by ']);
  assert.deepEqual(readCommitFiles({ ...handed, ...sealed('policies/a.yaml', policy('a')) }, held), ['SEAL_UNKNOWN_KEY policies/a.yaml']);
});

test('a commit whose trust policy does not follow is refused, at its place', () => {
  const held = trustOf(one);
  const rows: readonly (readonly [Files, Trust | undefined, string])[] = [
    [sealedByBoth('trust.yaml', two), held, 'TRUST_NOT_PINNED trust.yaml'],
    [{ ...sealed('trust.yaml', two), 'trust/1.yaml': one }, held, 'TRUST_CHAIN_SEALS_OWN trust.yaml'],
    [{ ...sealed('trust.yaml', two, bob), 'trust/1.yaml': one }, held, 'TRUST_CHAIN_SEALS_BEFORE trust.yaml'],
    [{ ...sealedByBoth('trust.yaml', versionText(3, [['bob', bob]])), 'trust/1.yaml': one }, held, 'TRUST_CHAIN_VERSION trust.yaml'],
  ];
  for (const [files, by, problem] of rows) assert.deepEqual(readCommitFiles(files, by), [problem]);
  const ahead = readManifestTrust({
    manifest: manifestOf({ ...sealedByBoth('trust.yaml', two), 'trust/1.yaml': one }),
    held: undefined,
    pinnedDigest,
    at: NOW,
  });
  assert.ok(ahead.ok && ahead.trust !== undefined);
  assert.deepEqual(readCommitFiles({ 'trust.yaml': one }, ahead.trust), ['TRUST_ROLLBACK trust.yaml']);
});

test('a process that starts is brought no trust policy that a mark says is old or another', () => {
  const ofMark = (version: number, text: string) => {
    const mark = { version, digest: digestOf(Buffer.from(text)) };
    const read = readManifestTrust({ manifest: manifestOf({ 'trust.yaml': one }), held: undefined, mark, pinnedDigest, at: NOW });
    return read.ok ? read.trust?.version : read.problems.map(({ code, at }) => `${code} ${at?.file ?? ''}`);
  };
  assert.equal(ofMark(1, one), 1);
  assert.deepEqual(ofMark(2, two), ['TRUST_ROLLBACK trust.yaml']);
  assert.deepEqual(ofMark(1, two), ['TRUST_CHAIN_EQUIVOCATION trust.yaml']);
});

test('the chain holds what leads from the pin, and each trusted root once', () => {
  const three = versionText(3, [['bob', bob]]);
  const files = { ...sealedByBoth('trust.yaml', three), 'trust/1.yaml': one, ...sealedByBoth('trust/2.yaml', two), 'trust/10.yaml': '[' };
  const manifest = manifestOf(files);
  assert.deepEqual(
    manifest.trustVersions.map(({ version, bundles }) => [version, bundles.length]),
    [
      [1, 0],
      [2, 2],
      [10, 0],
    ],
  );
  const { 'trust/10.yaml': _, ...clean } = files;
  const good = manifestOf(clean);
  const documentsUnder = (pin: string): readonly string[] => {
    const read = readManifestTrust({ manifest: good, held: undefined, pinnedDigest: digestOf(Buffer.from(pin)), at: NOW });
    assert.ok(read.ok && read.trust !== undefined);
    return chainOf(good, read.trust).map(({ document }) => document);
  };
  assert.deepEqual([documentsUnder(one), documentsUnder(two), documentsUnder(three)], [[one, two], [two], []]);
  assert.deepEqual(readCommitFiles({ ...clean, 'trust/2.yaml': `${two} ` }), ['TRUST_CHAIN_SEALS_BEFORE trust/2.yaml']);
});

test('files beside the versions of the trust policy have their places', () => {
  assert.deepEqual(placeOf('trust/12.yaml'), { is: 'trust-version', version: 12 });
  assert.deepEqual(placeOf('trust/12.trusted_root.json'), { is: 'trust-version-root', version: 12 });
  assert.deepEqual(placeOf('trust/12.yaml.bob.sigstore.json'), { is: 'seal', subject: 'trust/12.yaml.bob' });
  for (const path of ['trust/012.yaml', 'trust/v1.yaml', 'trust/1.yml', 'trust/a/1.yaml']) assert.equal(placeOf(path).is, 'misplaced');
  assert.equal(placeOf('trust/README.md').is, 'foreign');
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
