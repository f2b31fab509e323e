// SPDX-License-Identifier: Apache-2.0
// writ test: what it says of cases, in each of its forms.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POLICY, temporaryFolder } from './spawn-writ.ts';

const PINNED = `app@sha256:${'0'.repeat(64)}`;
const pod = (image: string) => `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: "${image}"}]}}`;
const cases = (...lines: readonly string[]): string => `policies: [a.yaml]\ncases:\n${lines.join('')}`;
const one = (name: string, image: string, expect: string): string => `- name: ${name}\n  object: ${pod(image)}\n  expect: ${expect}\n`;

const GOOD = cases(one('pinned', PINNED, 'Allow'), one('tag', 'app:1', '{verdict: Deny, policy: pinned, message: pin every}'));
const BAD = cases(
  one('pinned', PINNED, 'Allow'),
  one(`'<"tag" & #1>'`, 'app:1', 'Allow'),
  one('gone', 'app:1', '{verdict: Deny, policy: other}'),
);

describe('writ test', () => {
  it('is content where every case holds, and looks into folders', () => {
    using folder = temporaryFolder();
    folder.write({ 'p/a.yaml': POLICY, 'p/a.cases.yaml': GOOD });
    const { code, out, err } = folder.writ(['test']);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^2 cases in 1 file: 2 held, 0 did not \(\d+\.\d\d s\)\n$/);
  });

  it('tells what was expected and said, at the place of the case', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY, 'a.cases.yaml': BAD });
    const { code, out } = folder.writ(['test', 'a.cases.yaml']);
    assert.equal(code, 1);
    const lines = out.split('\n');
    assert.equal(lines[0], 'a.cases.yaml:6:3: <"tag" & #1>: expected Allow; said Deny by pinned (Invalid): pin every image by digest');
    assert.equal(lines[1], 'a.cases.yaml:9:3: gone: the policy other is not among the policies of this file');
    assert.match(lines[2] ?? '', /^3 cases in 1 file: 1 held, 2 did not/);
  });

  it('has one row a case in JSON', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY, 'a.cases.yaml': BAD });
    const rows = JSON.parse(folder.writ(['test', '--output', 'json']).out);
    assert.deepEqual(
      rows.map((row: Record<string, unknown>) => [
        row['file'],
        row['case'],
        row['expect'],
        row['verdict'],
        row['policy'],
        row['message'],
        row['held'],
      ]),
      [
        ['a.cases.yaml', 'pinned', 'Allow', 'Allow', null, null, true],
        ['a.cases.yaml', '<"tag" & #1>', 'Allow', 'Deny', 'pinned', 'pin every image by digest', false],
        ['a.cases.yaml', 'gone', { verdict: 'Deny', policy: 'other' }, null, null, null, false],
      ],
    );
  });

  it('writes JUnit and TAP', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY, 'a.cases.yaml': BAD });
    const junit = folder.writ(['test', '--output', 'junit']).out;
    assert.match(
      junit,
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="writ test" tests="3" failures="1" errors="1" time="/,
    );
    assert.match(
      junit,
      /name="&lt;&quot;tag&quot; &amp; #1&gt;" file="a\.cases\.yaml" line="6">\n {6}<failure message="expected Allow; said Deny/,
    );
    assert.equal(junit.match(/<testcase /g)?.length, 3);
    const tap = folder.writ(['test', '--output', 'tap']).out.split('\n');
    assert.deepEqual(tap.slice(0, 4), ['TAP version 14', '1..3', 'ok 1 - a.cases.yaml: pinned', 'not ok 2 - a.cases.yaml: <"tag" & \\#1>']);
    assert.match(tap[5] ?? '', /^ {2}message: "expected Allow/);
  });

  it('tells what no case reached', () => {
    using folder = temporaryFolder();
    folder.write({
      'a.yaml': POLICY,
      'a.cases.yaml': cases(one('pinned', PINNED, 'Allow')),
      'b.cases.yaml': cases(one('tag', 'app:1', 'Deny')),
    });
    assert.match(
      folder.writ(['test', '--coverage', 'a.cases.yaml']).out,
      /^a\.yaml:9:5: pinned: never came out false: workload\.containers\.all\(.*\n1 expression, 0 covered\n1 case/,
    );
    const { coverage } = JSON.parse(folder.writ(['test', '--coverage', '--output', 'json']).out);
    assert.deepEqual([coverage.length, coverage[0].true, coverage[0].false, coverage[0].missing], [1, 1, 1, []]);
  });

  it('fails the cases of policies that do not compile, or are missing', () => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY.replace('c.image', 'd.image'), 'a.cases.yaml': GOOD });
    const broken = folder.writ(['test']);
    assert.deepEqual([broken.code, broken.out.match(/POLICY_EXPRESSION/g)?.length], [1, 2]);
    assert.match(broken.err, /^a\.yaml:11:9: POLICY_EXPRESSION/);
    folder.write({ 'a.cases.yaml': GOOD.replace('a.yaml', 'absent.yaml') });
    assert.match(folder.writ(['test']).out, /tag: FILE_UNREADABLE: absent\.yaml: there is no such file/);
  });

  it('tells a file that is none, and a folder without', () => {
    using folder = temporaryFolder();
    assert.match(folder.writ(['test']).err, /FILE_NONE: no cases in \./);
    assert.equal(folder.writ(['test', '--output', 'xml']).code, 2);
    folder.write({ 'a.yaml': POLICY, 'a.cases.yaml': `${GOOD}- {name: odd, objekt: {}, expect: Deny}\n`, 'b.cases.yaml': 'policies: [' });
    const { code, out, err } = folder.writ(['test']);
    assert.equal(code, 1);
    assert.match(out, /odd: a\.cases\.yaml:9:15: CASES_INVALID: cases\[2\]\.objekt: objekt is not known/);
    assert.match(err, /^b\.cases\.yaml:\d+:\d+: DOCUMENT_SYNTAX/);
  });

  it('objects may stand in files beside the cases', () => {
    using folder = temporaryFolder();
    folder.write({
      'p/a.yaml': POLICY,
      'p/pod.yaml': pod('app:1'),
      'p/a.cases.yaml': 'policies: [a.yaml]\ncases:\n- {file: pod.yaml, expect: Deny}\n- {object: {file: absent.yaml}, expect: Deny}\n',
    });
    const rows = JSON.parse(folder.writ(['test', 'p', '--output', 'json']).out);
    assert.deepEqual(
      rows.map((row: { held: boolean }) => row.held),
      [true, false],
    );
    assert.match(rows[1].because, /FILE_UNREADABLE: p\/absent\.yaml/);
  });

  it('--watch runs again when a file changes', { timeout: 60_000 }, async ({ signal }) => {
    using folder = temporaryFolder();
    folder.write({ 'a.yaml': POLICY, 'a.cases.yaml': GOOD });
    const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), 'test', '--watch'], { cwd: folder.path });
    let out = '';
    const told = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(out)) await once(child.stdout, 'data', { signal });
    };
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    try {
      await told(/2 held, 0 did not/);
      writeFileSync(join(folder.path, 'a.cases.yaml'), BAD);
      await told(/1 held, 2 did not/);
      writeFileSync(join(folder.path, 'a.cases.yaml'), 'cases: [');
      await told(/0 held, 0 did not, 1 problem told above/);
    } finally {
      child.kill('SIGINT');
      assert.deepEqual(await once(child, 'exit'), [0, null], 'Ctrl-C is how it ends');
    }
  });
});
