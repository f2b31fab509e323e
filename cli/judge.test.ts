// SPDX-License-Identifier: Apache-2.0
// lint, review and explain: what the engine says, on the command line.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POLICY, temporaryFolder } from './spawn-writ.ts';
import { podReview } from '../policies/decide/test-review.ts';

const pod = (image: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'team' },
  spec: { containers: [{ name: 'c', image }] },
});

const review = (image: string, more: object = {}): string => podReview({ uid: `u-${image}`, ...more }, { image, name: 'p' });

describe('lint', () => {
  it('finds nothing in good documents and leaves strangers in a folder alone', () => {
    using folder = temporaryFolder();
    folder.write({
      'policies/pinned.yaml': POLICY,
      'policies/pinned.cases.yaml': 'x: [',
      'deploy/k.yaml': 'kind: Kustomization\nx: yes\n',
      'node_modules/x.yaml': '# writ.dev/v1\n[',
    });
    assert.deepEqual(folder.writ(['lint', '.']), {
      code: 0,
      out: "1 document, 0 problems; 1 other YAML file left alone: not Writ's\n",
      err: '',
    });
  });

  it('tells each mistake at its place, in the order of files and lines', () => {
    using folder = temporaryFolder();
    folder.write({
      'a.yaml': POLICY.replace('title: Images are pinned', 'titel: yes'),
      'b.yaml': POLICY.replace('pinned}', 'b}').replace('c.image.contains', 'c.image..contains'),
      'c.yaml': POLICY.replace('pinned}', 'c}').replace('title: Images are pinned', 'titel: x'),
      'd.yaml': POLICY.replace('pinned}', 'd}').replaceAll('\n', '\r\n'),
    });
    const { code, out, err } = folder.writ(['lint', '.']);
    assert.equal(code, 1);
    assert.equal(out, '4 documents, 4 problems\n');
    const lines = err
      .trimEnd()
      .split('\n')
      .map((line) => line.split(': ').slice(0, 3).join(': '));
    assert.deepEqual(lines.slice(0, 1), ['a.yaml:6:10: DOCUMENT_AMBIGUOUS: spec.titel']);
    assert.match(lines[1] ?? '', /^b\.yaml:11:1\d: POLICY_EXPRESSION: spec\.validations\[0\]\.expression$/);
    assert.deepEqual(lines.slice(2), [
      'c.yaml:6:3: DOCUMENT_UNKNOWN_FIELD: spec.titel',
      'd.yaml:1:30: DOCUMENT_ENCODING: a carriage return (U+000D) is not allowed (save the file with LF line ends)',
    ]);
  });

  it('places an error in an expression on its own character', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY.replace("'@sha256:'", 'nothing') });
    const { problems } = JSON.parse(folder.writ(['lint', 'a.yaml', '--output', 'json']).out);
    assert.equal(problems.length, 1);
    const [{ code, file, line, column, message, path, fix }] = problems;
    assert.deepEqual(
      [code, file, line, column, path],
      ['POLICY_EXPRESSION', 'a.yaml', 11, '        c.image.contains('.length + 1, 'spec.validations[0].expression'],
    );
    assert.match(message, /^undeclared reference to 'nothing'/);
    assert.equal(typeof fix, 'string');
  });

  it('finds two policies of one name', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY, 'b.yaml': POLICY.replace('version: 3', 'version: 4') });
    const { code, err } = folder.writ(['lint', 'a.yaml', 'b.yaml']);
    assert.equal(code, 1);
    assert.match(err, /[ab]\.yaml:3:\d+: POLICY_NAME_TAKEN/);
  });

  it('says where nothing was found', () => {
    using folder = temporaryFolder();
    assert.match(folder.writ(['lint', '.']).err, /FILE_NONE/);
    assert.match(folder.writ(['lint', 'absent']).err, /FILE_UNREADABLE: absent: there is no such file/);
  });
});

describe('review', () => {
  const answers = (out: string) =>
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('answers each line as the webhook would', () => {
    using folder = temporaryFolder();
    folder.write({ 'p/a.yaml': POLICY });
    const input = [review('app:1'), '', review(`app@sha256:${'0'.repeat(64)}`), review('app:1', { namespace: 'kube-system' })].join('\n');
    const { code, out, err } = folder.writ(['review', '--policies', 'p'], { input });
    assert.deepEqual([code, err], [0, '']);
    const [denied, allowed, exempt] = answers(out);
    assert.equal(denied.kind, 'AdmissionReview');
    assert.deepEqual([denied.response.uid, denied.response.allowed], ['u-app:1', false]);
    assert.match(denied.response.status.message, /pin every image by digest[\s\S]*writ explain d-/);
    assert.equal(allowed.response.allowed, true);
    assert.equal(exempt.response.allowed, true);
  });

  it('knows the namespaces and tenants that it is given', () => {
    using folder = temporaryFolder();
    folder.write({
      'a.yaml': POLICY.replace("c.image.contains('@sha256:')", "has(tenant.tier) && tenant.tier == 'Free'"),
      'open.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: open}\n',
      'team.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {writ.dev/tenant: acme}}\n',
      'acme.yaml': 'apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {tier: Free}\n',
    });
    const run = (...files: string[]) =>
      answers(
        folder.writ(['review', '--policies', 'a.yaml', ...files], { input: `${review('x')}\n${review('x', { namespace: 'open' })}\n` }).out,
      ).map(({ response }) => response.allowed);
    assert.deepEqual(run(), [false, false]);
    assert.deepEqual(run('open.yaml', 'team.yaml', 'acme.yaml'), [true, true]);
  });

  it('goes on after a line that is no review, and says so', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY });
    const { code, out } = folder.writ(['review', '--policies', 'a.yaml'], { input: `x\n{}\n${review('app:1')}\n` });
    assert.equal(code, 1);
    assert.deepEqual(
      answers(out).map((answer) => answer.code ?? answer.response.allowed),
      ['REVIEW_NOT_JSON', 'REVIEW_NOT_REVIEW', false],
    );
  });

  it('answers nothing with a policy that is not valid', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY.replace('version: 3', 'version: x') });
    const { code, out, err } = folder.writ(['review', '--policies', 'a.yaml'], { input: review('app:1') });
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /a\.yaml:5:3: DOCUMENT_INVALID/);
  });
});

describe('explain', () => {
  it('tells what a policy matches and asks', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY });
    const { code, out } = folder.writ(['explain', 'a.yaml']);
    assert.equal(code, 0);
    assert.match(out, /^pinned version 3: Images are pinned\n/);
    assert.match(out, /matches {6}CREATE, UPDATE .*deployments.* of apps\//);
    assert.match(out, /asks \[0\] {5}workload\.containers\.all/);
    assert.match(out, /else: pin every image by digest/);
  });

  it('tells what each validation says to an object', () => {
    using folder = temporaryFolder();
    folder.write({
      'a.yaml': POLICY,
      'bad.json': JSON.stringify(pod('app:1')),
      'good.yaml': `---\n${JSON.stringify(pod(`app@sha256:${'0'.repeat(64)}`))}\n`,
    });
    const bad = folder.writ(['explain', 'a.yaml', '--object', 'bad.json']);
    assert.equal(bad.code, 1);
    assert.match(bad.out, /applies: its rules[\s\S]*validation .*: false[\s\S]*verdict: Deny\n {4}Invalid: pin every image by digest/);
    const good = folder.writ(['explain', 'a.yaml', '--object', 'good.yaml', '--output', 'json']);
    assert.equal(good.code, 0);
    assert.equal(JSON.parse(good.out).decision.verdict, 'Allow');
    folder.write({ 'service.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\n' });
    assert.match(folder.writ(['explain', 'a.yaml', '--object', 'service.yaml']).out, /does not apply: none of its rules/);
  });

  it('takes one object, told in words', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY, 'two.yaml': 'kind: A\n---\nkind: B\n', 'broken.yaml': 'a: [', 'list.yaml': '- a\n' });
    for (const [file, message] of [
      ['two.yaml', /holds 2 objects/],
      ['broken.yaml', /DOCUMENT_SYNTAX: broken\.yaml/],
      ['list.yaml', /DOCUMENT_SYNTAX: list\.yaml/],
    ] as const) {
      const { code, err } = folder.writ(['explain', 'a.yaml', '--object', file]);
      assert.equal(code, 1);
      assert.match(err, message);
    }
  });

  const id = 'd-0123456789abcdef0123';
  const record = {
    msg: 'decision',
    id,
    time: '2026-01-01T00:00:00.000Z',
    uid: 'u-1',
    tenant: 'acme',
    namespace: 'team',
    kind: 'v1, Pod',
    name: 'p',
    operation: 'CREATE',
    user: 'ann',
    dryRun: true,
    verdict: 'Deny',
    setDigest: 'sha256:s',
    trustDigest: 'sha256:t',
    revisions: { 'writ-system/policies': 'main@sha1:1' },
    allowed: ['other'],
    spoke: [],
    violations: [{ policy: 'pinned', version: 3, rule: 0, reason: 'Invalid', cause: 'false', message: 'pin it', expression: 'false' }],
    objectDigest: 'sha256:o',
    durationUs: 60,
  };
  const set = {
    msg: 'policy set',
    setDigest: 'sha256:s',
    policies: [{ policy: 'pinned', version: 3, digest: 'sha256:p', signers: ['alice'] }],
  };

  it("tells a decision from the webhook's log, and who signed the policy", () => {
    using folder = temporaryFolder();
    folder.write({
      'log.jsonl': ['{"msg":"starting"}', 'noise', JSON.stringify(set), `{"broken ${id}`, JSON.stringify(record), ''].join('\n'),
    });
    const { code, out } = folder.writ(['explain', id, '--log', 'log.jsonl']);
    assert.equal(code, 0);
    assert.match(out, /^d-0123456789abcdef0123: Deny\n {2}asked {6}CREATE v1, Pod p in team by ann, a dry run/);
    assert.match(out, /pinned version 3, spec\.validations\[0\], sealed by alice\n {4}Invalid: pin it\n {4}not held: false/);
    assert.match(out, /revision {3}writ-system\/policies main@sha1:1/);
    assert.match(out, /nothing to say: other/);
    assert.deepEqual(JSON.parse(folder.writ(['explain', id, '--log', 'log.jsonl', '--output', 'json']).out), {
      decision: record,
      policySet: set,
    });
  });

  it('says when there is none', () => {
    using folder = temporaryFolder();
    folder.write({ 'log.jsonl': '' });
    const { code, err } = folder.writ(['explain', id, '--log', 'log.jsonl']);
    assert.equal(code, 1);
    assert.match(err, /DECISION_NOT_FOUND/);
    assert.equal(folder.writ(['explain', id]).code, 2);
    assert.match(folder.writ(['explain', id, '--log', 'absent']).err, /FILE_UNREADABLE/);
  });
});
