// SPDX-License-Identifier: Apache-2.0
// writ lint of a policy repository: what the operator would refuse, `writ lint` refuses.
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { POLICY, temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Ran } from './spawn-writ.ts';

const TENANT = 'apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {tier: Free}\n';
const VAP = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: v}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: "true"}]
`;
const RULESET = `apiVersion: writ.dev/v1alpha1
kind: Ruleset
metadata: {name: us}
spec:
  version: 1
  policies:
  - {path: policies/changed.yaml, sha256: "${'0'.repeat(64)}"}
  - {path: policies/gone.yaml, sha256: "${'0'.repeat(64)}"}
`;
const VALUES = 'image: nginx\n';

const codesOf = ({ err }: Ran): readonly string[] =>
  err
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^(\S+?):\d+:\d+: ([A-Z_]+): .*$/, '$1 $2'))
    .toSorted();

describe('lint of a repository', () => {
  it('finds nothing in one that the operator takes', () => {
    using folder = temporaryFolder();
    folder.writ(['keygen', '--name', 'a']);
    const { out } = folder.run('cat', ['a.pub']);
    folder.write({ 'r/trust.yaml': trustPolicy({ a: out }), 'r/policies/pinned.yaml': POLICY, 'r/tenants/acme.yaml': TENANT });
    folder.write({ 'r/policies/pinned.cases.yaml': 'policies: [pinned.yaml]\ncases: []\n', 'r/values.yaml': VALUES, 'r/README.md': '#' });
    const words = "3 documents, 0 problems; 1 other YAML file left alone: not Writ's\n";
    assert.deepEqual(folder.writ(['lint', 'r']), { code: 0, out: words, err: '' });
    assert.deepEqual(JSON.parse(folder.writ(['lint', 'r', '--output', 'json']).out).leftAlone, ['r/values.yaml']);
    assert.equal(folder.writ(['lint', 'r/policies']).out, '1 document, 0 problems\n');
  });

  it('tells each file that the operator would refuse, once', () => {
    using folder = temporaryFolder();
    folder.write({
      'policies/named.yaml': POLICY,
      'policies/two.yaml': `${POLICY.replace('pinned', 'two')}---\n${POLICY.replace('pinned', 'more')}`,
      'policies/short.yml': POLICY.replace('pinned', 'short'),
      'policies/broken.yaml': 'a: [\n',
      'policies/empty.yaml': '',
      'policies/latin.yaml': Uint8Array.from([0x61, 0x3a, 0x20, 0xe9, 0x0a]),
      'policies/wide.yaml': Buffer.from(`\ufeff${POLICY}`, 'utf16le'),
      'policies/group.yaml': POLICY.replace('writ.dev', 'writ.dve'),
      'policies/typo.yaml': POLICY.replace('pinned', 'typo').replace('title:', 'titel:'),
      'policies/gone.yaml.sigstore.json': '{}',
      'tenants/acme.yaml': POLICY.replace('pinned', 'acme'),
      'rulesets/x.yaml': 'a: 1\n',
      'rulesets/eu/ruleset.yaml': RULESET,
      'rulesets/eu/policies/other.yaml': POLICY.replace('pinned', 'other'),
      'rulesets/eu/policies/changed.yaml': POLICY.replace('pinned', 'changed'),
    });
    symlinkSync('named.yaml', join(folder.path, 'policies/link.yaml'));
    const ran = folder.writ(['lint', '.']);
    assert.equal(ran.code, 1);
    assert.deepEqual(codesOf(ran), [
      'policies/broken.yaml DOCUMENT_SYNTAX',
      'policies/empty.yaml DOCUMENT_COUNT',
      'policies/gone.yaml.sigstore.json SEAL_ORPHAN',
      'policies/group.yaml DOCUMENT_UNKNOWN_KIND',
      'policies/latin.yaml DOCUMENT_ENCODING',
      'policies/link.yaml SOURCE_SYMLINK',
      'policies/named.yaml MANIFEST_NAME',
      'policies/short.yml MANIFEST_MISPLACED',
      'policies/two.yaml DOCUMENT_COUNT',
      'policies/typo.yaml DOCUMENT_UNKNOWN_FIELD',
      'policies/wide.yaml DOCUMENT_ENCODING',
      'rulesets/eu/policies/other.yaml RULESET_MEMBER_EXTRA',
      'rulesets/eu/ruleset.yaml MANIFEST_NAME',
      'rulesets/eu/ruleset.yaml RULESET_MEMBER_DIGEST',
      'rulesets/eu/ruleset.yaml RULESET_MEMBER_MISSING',
      'rulesets/x.yaml MANIFEST_MISPLACED',
      'tenants/acme.yaml MANIFEST_KIND',
    ]);
  });

  it('tells of a repository with nothing but a broken file, and of a broken trust policy', () => {
    using folder = temporaryFolder();
    folder.write({ 'a/tenants/acme.yaml': 'a: [\n', 'b/trust.yaml': 'a: 1\n', 'b/policies/x.yaml': TENANT });
    assert.deepEqual(codesOf(folder.writ(['lint', 'a'])), ['a/tenants/acme.yaml DOCUMENT_SYNTAX']);
    assert.deepEqual(codesOf(folder.writ(['lint', 'b/policies'])), ['b/policies/x.yaml MANIFEST_KIND']);
    assert.match(folder.writ(['lint', 'b']).err, /^b\/trust\.yaml:\d+:\d+: /m);
  });

  it('leaves other folders as they are: one of ValidatingAdmissionPolicies, one without layout', () => {
    using folder = temporaryFolder();
    folder.write({ 'a/policies/any.yml': VAP, 'b/named.yaml': POLICY, 'b/values.yaml': VALUES, 'b/broken.yaml': 'a: [\n' });
    assert.deepEqual(folder.writ(['lint', 'a']).code, 0);
    assert.equal(folder.writ(['lint', 'b']).out, "1 document, 0 problems; 2 other YAML files left alone: not Writ's\n");
  });

  it('reads standard input', () => {
    using folder = temporaryFolder();
    assert.equal(folder.writ(['lint', '-'], { input: POLICY }).out, '1 document, 0 problems\n');
    const { code, err } = folder.writ(['lint', '-'], { input: POLICY.replace('title:', 'titel:') });
    assert.equal(code, 1);
    assert.match(err, /^-:6:3: DOCUMENT_UNKNOWN_FIELD/);
  });
});
