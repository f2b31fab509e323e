// SPDX-License-Identifier: Apache-2.0
// What invoices that were closed before say about the next: refunds of them, decisions that came too late, what nothing carries over.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Ran } from './spawn-writ.ts';
import { ACME, scene, sealed } from './test-bill.ts';
import { runInProcess } from './test-run.ts';

const adjustment = (kind: string, [id, amount]: readonly [string, string], at: string, more = ''): string =>
  `- {id: ${id}, kind: ${kind}, amount: "${amount}", reason: r, requester: ann, approver: bob, at: "${at}"${more}}\n`;
const of = (invoice: string): string => `, invoice: "${invoice}"`;
const OCTOBER = 'acme/2025-10-01T00:00:00Z';

describe('writ bill, of what was closed before', () => {
  it('gives back no more than an earlier invoice of the tenant came to', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
    const run = (command: string, moment: string, ...more: readonly string[]): Promise<Ran> => {
      const use = moment.startsWith('2025-11') ? ['--statement', at('october.json'), '--statement-key', at('billing.pub')] : [];
      const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), ...use, ...trust];
      return runInProcess(['bill', command, ...documents, '--at', moment, ...more]);
    };
    const kept = ['--key', at('billing.key'), '--out', at('invoices')];
    const refund = (amount: string, invoice: string, id = 'r1'): string =>
      adjustment('Refund', [id, amount], '2025-10-21T00:00:00Z', of(invoice));
    const refused = async (lines: string, said: RegExp): Promise<void> => {
      folder.write({ 'acme.yaml': ACME + lines });
      const closed = await run('close', '2025-11-01T00:00:00Z', ...kept);
      assert.deepEqual([closed.code, said.test(closed.err)], [1, true], closed.err);
      assert.equal(existsSync(at('invoices/acme/2025-11-01T00.json')), false);
    };
    await refused(refund('99.00', OCTOBER), /BILL_REFUND_INVALID: refund r1: acme\/2025-10-01T00:00:00Z is not in /);
    const opening = await run('close', '2025-10-01T00:00:00Z', ...kept);
    assert.equal(opening.code, 0, opening.err);
    for (const invoice of ['no/such', 'acme/2025-10-07T00:00:00Z', 'other/2025-10-01T00:00:00Z', 'acme/2025-11-01T00:00:00Z', 'acme/x'])
      await refused(refund('1.00', invoice), /BILL_REFUND_INVALID: refund r1: .* is no earlier invoice of acme/);
    await refused(refund('99.01', OCTOBER), /BILL_REFUND_INVALID: refund r1: 99\.01 USD of .* came to 99\.00 USD/);
    await refused(refund('50.00', OCTOBER) + refund('49.01', OCTOBER, 'r2'), /99\.01 USD of/);
    folder.write({ 'acme.yaml': ACME + refund('50.00', OCTOBER) + refund('49.00', OCTOBER, 'r2') });
    const unheld = await run('preview', '2025-11-01T00:00:00Z');
    assert.match(unheld.err, /refunds are not held against what was invoiced/);
    const closed = await run('close', '2025-11-01T00:00:00Z', ...kept);
    assert.equal(closed.code, 0, closed.err);
  });

  it('tells of a decision that came too late, and of a credit that nothing carries over', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
    const rest = [...trust, '--subscription', at('acme.yaml'), '--prices', at('prices.yaml')];
    const statement = ['--statement', at('october.json'), '--statement-key', at('billing.pub')];
    const large = `${ACME}${adjustment('Credit', ['c1', '500.00'], '2025-10-21T00:00:00Z')}`;
    folder.write({ 'acme.yaml': large });
    const shown = await runInProcess(['bill', 'preview', ...rest, ...statement, '--at', '2025-11-01T00:00:00Z']);
    assert.match(shown.out, /nothing carries this over: enter a Credit of 423\.66 USD/);
    const closing = ['bill', 'close', ...rest, '--key', at('billing.key'), '--out', at('invoices')];
    const closed = await runInProcess([...closing, ...statement, '--at', '2025-11-01T00:00:00Z']);
    assert.equal(closed.code, 0, closed.err);

    // A cycle that begins in mid-month: the next invoice, without any use.
    const next = large.replace('adjustments:', '- {at: "2025-11-10T00:00:00Z", tier: Starter, cycle: Annual}\nadjustments:');
    const preview = (text: string): Promise<Ran> => {
      folder.write({ 'acme.yaml': text });
      return runInProcess(['bill', 'preview', ...rest, '--invoices', at('invoices'), '--at', '2025-11-10T00:00:00Z']);
    };
    const quiet = await preview(next);
    assert.match(quiet.err, /acme\/2025-11-01T00:00:00Z came to -423\.66 USD: no credit of that amount is on this invoice/);
    assert.doesNotMatch(quiet.err, /on no open invoice/);
    const late = await preview(next + adjustment('Credit', ['c2', '423.66'], '2025-10-22T00:00:00Z'));
    assert.match(
      late.err,
      /on no open invoice: c2, since acme\/2025-11-01T00:00:00Z was closed without it; date it from 2025-11-01T00:00:00Z on/,
    );
    const carried = await preview(next + adjustment('Credit', ['c2', '423.66'], '2025-11-02T00:00:00Z'));
    assert.deepEqual([carried.code, /came to|no open invoice/.test(carried.err)], [0, false], carried.err);
  });

  it('reads one moment by one writing', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    for (const moment of ['1', 'December 1, 2025', '2025-12-01', '2025-02-30T00:00:00Z', '2025-12-01T00:00:00+01:00']) {
      const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml')];
      const { code, err } = await runInProcess(['bill', 'preview', ...documents, '--at', moment]);
      assert.deepEqual([code, /--at .*: write a time as 2026-12-01T00:00:00Z/.test(err)], [2, true], err);
    }
  });
});
