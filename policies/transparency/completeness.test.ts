// SPDX-License-Identifier: Apache-2.0
// That a log is not there is seen: the manifest is anybody's, the root log is not.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { ProblemCode } from '../problem.ts';
import type { KeptCheckpoint } from './anchor.ts';
import { makeExport } from './export.ts';
import type { ExportReport } from './index.ts';
import { check, clusterLog, logForgeries, trusted, withLogs } from './test-forgeries.ts';
import {
  LOG_NAME,
  anchorFact,
  buildExport,
  buildLog,
  buildTenantExport,
  entriesOf,
  someFacts,
  withManifest,
  witnessOne,
  witnessTwo,
} from './test-log.ts';
import type { Files } from './test-log.ts';

const codes = (report: ExportReport): readonly ProblemCode[] => report.problems.map(({ code }) => code);

describe('a log that is left out', () => {
  const options = { witnesses: [witnessOne, witnessTwo] };
  const whole = buildExport(5, options);
  const mine = buildTenantExport(5, options);
  const note = (files: Files, log: string): KeptCheckpoint => ({
    name: `kept ${log}`,
    bytes: files.get(`${log}/checkpoint`) ?? assert.fail(),
  });
  const logs = ['cluster', 'root', 'tenant/acme'];
  const asked: readonly (readonly [string, typeof trusted, readonly KeptCheckpoint[]])[] = [
    ['nothing kept', trusted, []],
    ['checkpoints kept', trusted, logs.map((log) => note(whole, log))],
    ['witnesses asked for', { ...trusted, witnesses: [witnessOne.key, witnessTwo.key], quorum: 2 }, []],
    ['both', { ...trusted, witnesses: [witnessOne.key], quorum: 1 }, logs.map((log) => note(whole, log))],
  ];
  for (const [what, trust, since] of asked) {
    it(`is missed, as is one that changed places or names: ${what}`, () => {
      assert.deepEqual(codes(check(whole, trust, since)), []);
      for (const { what: forged, files } of [...logForgeries(whole), ...logForgeries(mine)])
        assert.notDeepEqual(codes(check(files, trust, since)), [], forged);
    });
  }

  it('is named, by the root log and by a checkpoint that was kept', () => {
    const [problem, ...more] = check(withLogs(whole, (log) => log !== 'cluster')).problems;
    assert.deepEqual([problem?.code, problem?.at?.file, more], ['AUDIT_INCOMPLETE', 'root entry 1', []]);
    assert.match(problem?.message ?? '', /writ\.example\/audit\/cluster, and that log is not in the export/);
    const [kept, ...others] = check(mine, trusted, [note(whole, 'cluster')]).problems;
    assert.deepEqual([kept?.code, kept?.at?.file, others], ['AUDIT_INCOMPLETE', 'kept cluster', []]);
  });

  it('is missed where there is none, and where the witnesses that are asked for had nothing to cosign', () => {
    const none = withLogs(whole, () => false);
    assert.deepEqual(codes(check(none)), ['AUDIT_INCOMPLETE']);
    assert.deepEqual(codes(check(none, { ...trusted, witnesses: [witnessOne.key], quorum: 1 })), ['AUDIT_INCOMPLETE', 'AUDIT_KEY']);
  });

  it('is not hidden by a root log of which a part came along', () => {
    const files = new Map([...withLogs(whole, (log) => log !== 'cluster')].filter(([name]) => !name.startsWith('root/tile/entries/')));
    files.delete('manifest.json');
    const named = new Map([
      ['root', { from: 0, to: 0 }],
      ['tenant/acme', { from: 0, to: 5 }],
    ]);
    assert.ok(codes(check(withManifest(files, named))).includes('AUDIT_INCOMPLETE'));
  });

  it('is none in the export of a tenant, which says that it proves this log alone', () => {
    assert.deepEqual(check(mine).scope, { kind: 'these', rootSize: 3 });
    assert.deepEqual(check(whole).scope, { kind: 'all', rootSize: 3 });
  });

  it('a proof of another log vouches for nothing', () => {
    const other = buildLog('tenant/other', entriesOf(`${LOG_NAME}/tenant/other`, someFacts(1, 'other')));
    const files = new Map([...mine, ...other.files]);
    files.set('tenant/other/anchor.tlog-proof', mine.get('tenant/acme/anchor.tlog-proof') ?? assert.fail());
    files.delete('manifest.json');
    const named = new Map([
      ['tenant/acme', { from: 0, to: 5 }],
      ['tenant/other', { from: 0, to: 1 }],
    ]);
    assert.ok(codes(check(withManifest(files, named))).includes('AUDIT_CHANGED'));
  });

  it('of the root: a tenant holds its checkpoint against the one of the proof, or asks who cosigned both', () => {
    const entries = (count: number) =>
      entriesOf(
        LOG_NAME,
        Array.from({ length: count }, () => anchorFact('cluster', clusterLog())),
      );
    const root = (count: number, witnesses = options.witnesses): KeptCheckpoint => ({
      name: 'kept',
      bytes: buildLog('root', entries(count), { witnesses }).note,
    });
    const proof = (mine.get('tenant/acme/anchor.tlog-proof') ?? assert.fail()).toString();
    const same: KeptCheckpoint = { name: 'kept', bytes: Buffer.from(proof.slice(proof.indexOf('\n\n') + 2)) };
    const two = { ...trusted, witnesses: [witnessOne.key, witnessTwo.key], quorum: 2 };
    assert.deepEqual(codes(check(mine, trusted, [same])), []);
    assert.deepEqual(codes(check(mine, trusted, [root(3)])), ['AUDIT_FORK'], 'of this size, and another');
    assert.deepEqual(codes(check(mine, trusted, [root(4)])), ['AUDIT_INCOMPLETE'], 'a later one was seen');
    assert.deepEqual(codes(check(mine, trusted, [root(2)])), ['AUDIT_INCOMPLETE'], 'nobody says that it grew out of that one');
    assert.deepEqual(codes(check(mine, two, [root(2)])), []);
    assert.deepEqual(codes(check(mine, two, [root(2, [witnessOne])])), ['AUDIT_INCOMPLETE'], 'one of two');
    assert.deepEqual(codes(check(mine, { ...two, quorum: 0 }, [root(2, [])])), ['AUDIT_INCOMPLETE'], 'none of them');
  });
});

describe('an export that is made', () => {
  const whole = buildExport(5);

  it('has every log that the root log names, whatever was listed before', () => {
    const made = makeExport({ logs: ['root'], read: (path) => whole.get(path) });
    assert.deepEqual(made.ok && made.logs.toSorted(), ['cluster', 'root', 'tenant/acme']);
    const files = new Map(made.ok ? [...made.files].map(([name, bytes]) => [name, Buffer.from(bytes)] as const) : []);
    assert.deepEqual(codes(check(files)), []);
  });

  it('is not made without one of them', () => {
    const made = makeExport({ logs: ['root'], read: (path) => (path.startsWith('cluster/') ? undefined : whole.get(path)) });
    assert.deepEqual(made, { ok: false, missing: 'cluster/checkpoint' });
  });
});
