// SPDX-License-Identifier: Apache-2.0
// What invoices that were closed before say about the next: refunds of them, decisions that came too late, credits that are left.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Ran } from './spawn-writ.ts';
import { ACME, scene, sealed, signFile } from './test-bill.ts';
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

  /** Credits beyond the invoice of October, and a cycle that begins in mid-November: the next invoice, without any use. */
  const carrying = async () => {
    const folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
    const statement = ['--statement', at('october.json'), '--statement-key', at('billing.pub')];
    const large = `${ACME}${adjustment('Credit', ['c1', '500.00'], '2025-10-21T00:00:00Z')}`.replace(
      'adjustments:',
      '- {at: "2025-11-10T00:00:00Z", tier: Starter, cycle: Annual}\nadjustments:',
    );
    folder.write({ 'acme.yaml': large });
    const documents = ['--subscription', at('acme.yaml'), '--prices', at('prices.yaml'), ...trust];
    const use = (moment: string) => (moment.startsWith('2025-11-01') ? statement : []);
    return {
      folder,
      at,
      large,
      preview: (text: string): Promise<Ran> => {
        folder.write({ 'acme.yaml': text });
        return runInProcess(['bill', 'preview', ...documents, '--invoices', at('invoices'), '--at', '2025-11-10T00:00:00Z']);
      },
      close: (moment: string, key = 'billing.key'): Promise<Ran> =>
        runInProcess(['bill', 'close', ...documents, ...use(moment), '--key', at(key), '--out', at('invoices'), '--at', moment]),
      reconcile: (...more: readonly string[]): Promise<Ran> =>
        runInProcess(['bill', 'reconcile', ...documents, ...statement, '--invoices', at('invoices'), '--key', at('billing.pub'), ...more]),
      read: (name: string) => JSON.parse(readFileSync(at(`invoices/acme/${name}`), 'utf8')),
      /** As somebody with the key would write it. */
      put: async (name: string, text: string): Promise<void> => {
        folder.write({ [`invoices/acme/${name}`]: text });
        await signFile(folder, `invoices/acme/${name}`);
      },
      [Symbol.dispose]: () => folder[Symbol.dispose](),
    };
  };
  const [FIRST, SECOND] = ['2025-11-01T00:00:00Z', '2025-11-10T00:00:00Z'];
  const OWED = 42_366;

  it('carries what credits leave over to the next invoices, until it is used up, and rates it so again', async () => {
    using it = await carrying();
    const closed = await it.close(FIRST);
    assert.match(closed.out, /: 0\.00 USD, /, closed.err);
    const { total, lines } = it.read('2025-11-01T00.json');
    assert.deepEqual([total, lines.at(-1)], [0, { kind: 'forward', amount: OWED }]);
    const shown = await it.preview(it.large);
    assert.match(shown.out, /brought from acme\/2025-11-01T00:00:00Z, which left it over +-423\.66 USD/);
    const next = await it.close(SECOND);
    assert.equal(next.code, 0, next.err);
    const second = it.read('2025-11-10T00.json');
    const brought = second.lines.filter(({ kind }: { readonly kind: string }) => kind === 'brought');
    assert.deepEqual(brought, [{ kind: 'brought', invoice: 'acme/2025-11-01T00:00:00Z', amount: -OWED }]);
    // An annual fee, less what is left of the month, less what was left over.
    const sum = second.lines.reduce((all: number, { amount }: { readonly amount: number }) => all + amount, 0);
    assert.deepEqual([second.total, second.total > 0, second.lines.at(-1).kind], [sum, true, 'brought']);
    const twice = await it.close(FIRST);
    assert.deepEqual([twice.code, /closed before/.test(twice.out)], [0, true], twice.err);
    const again = await it.reconcile();
    assert.deepEqual([again.code, /2 of 2 invoices are/.test(again.out)], [0, true], again.err);
    // Without the one before, the next is not what it says.
    rmSync(it.at('invoices/acme/2025-11-01T00.json'));
    assert.match((await it.reconcile()).err, /2025-11-10T00\.json.*BILL_DIFFERS/);
  });

  it('carries nothing out of order, from what cannot be read, or that the key does not answer for', async () => {
    using it = await carrying();
    it.folder.writ(['keygen', '--name', 'other']);
    assert.equal((await it.close(FIRST)).code, 0);
    const path = 'invoices/acme/2025-11-01T00.json';
    const [text, bundle] = [path, `${path}.sigstore.json`].map((name) => readFileSync(it.at(name), 'utf8'));
    const refused = async (said: RegExp): Promise<void> => {
      const { code, err } = await it.close(SECOND);
      assert.deepEqual([code, said.test(err), existsSync(it.at('invoices/acme/2025-11-10T00.json'))], [1, true, false], err);
      it.folder.write({ [path]: text ?? '', [`${path}.sigstore.json`]: bundle ?? '' });
    };
    it.folder.write({ [path]: (text ?? '').replace(String(OWED), '9999999') });
    await refused(/BILL_UNSIGNED: .*2025-11-01T00\.json/);
    await signFile(it.folder, path, 'other');
    await refused(/BILL_UNSIGNED: .*2025-11-01T00\.json/);
    it.folder.write({ [path]: '{}' });
    await refused(/BILL_CARRY_BROKEN: .*it is the invoice before, and cannot be read as one/);
    // The next one is closed by somebody who had not the one before: what that leaves would be on none.
    for (const name of [path, `${path}.sigstore.json`]) rmSync(it.at(name));
    assert.equal((await it.close(SECOND)).code, 0);
    const late = await it.close(FIRST);
    assert.deepEqual([late.code, /BILL_CARRY_BROKEN: .*2025-11-10T00\.json was closed already/.test(late.err)], [1, true], late.err);
  });

  it('takes invoices of earlier versions for what they are, and says what they do not tell', async () => {
    using it = await carrying();
    assert.equal((await it.close(FIRST)).code, 0);
    const { lines, orders, refunds, total: _total, ...rest } = it.read('2025-11-01T00.json');
    const below = { lines: lines.slice(0, -1), total: -OWED };
    const texts: readonly (readonly [value: object, told: boolean])[] = [
      [{ ...rest, ...below, toCredit: OWED, refunds }, true],
      [{ ...rest, ...below, refunds }, true],
      [{ ...rest, lines, total: 0, refunds }, true],
    ];
    for (const [value, told] of texts) {
      await it.put('2025-11-01T00.json', `${JSON.stringify(value)}\n`);
      const { code, out, err } = await it.reconcile();
      assert.deepEqual([code, /it holds no digest of what was ordered/.test(out)], [0, told], err);
      const { notes } = JSON.parse((await it.reconcile('--output', 'json')).out);
      assert.equal(notes.length, 1);
    }
    // All that it does tell counts, orders too where it has them.
    for (const wrong of [
      { ...rest, ...below, toCredit: OWED - 1, refunds },
      { ...rest, orders: 'sha256:0', lines, total: 0, refunds },
    ]) {
      await it.put('2025-11-01T00.json', `${JSON.stringify(wrong)}\n`);
      assert.match((await it.reconcile()).err, /BILL_DIFFERS/);
    }
    assert.match(String(orders), /^sha256:/);
    // What such a one left was for a person to enter, and is not brought by itself.
    await it.put('2025-11-01T00.json', `${JSON.stringify({ ...rest, ...below, toCredit: OWED, refunds })}\n`);
    const quiet = await it.preview(it.large);
    assert.doesNotMatch(quiet.out, /brought/);
    assert.match(quiet.err, /acme\/2025-11-01T00:00:00Z came to -423\.66 USD: no credit of that amount is on this invoice/);
    const entered = await it.preview(it.large + adjustment('Credit', ['c2', '423.66'], '2025-11-02T00:00:00Z'));
    assert.deepEqual([entered.code, /came to|no open invoice/.test(entered.err)], [0, false], entered.err);
  });

  it('tells of a decision that came too late, and of what is left where a subscription has ended', async () => {
    using it = await carrying();
    const ended = it.large.replace('adjustments:', 'end: "2025-11-01T00:00:00Z"\nadjustments:').replace(/- \{at: "2025-11-10.*\n/, '');
    it.folder.write({ 'acme.yaml': ended });
    assert.match((await it.close(FIRST)).err, /the subscription has ended, and 522\.66 USD are left: pay them back/);
    const late = await it.preview(it.large + adjustment('Credit', ['c2', '423.66'], '2025-10-22T00:00:00Z'));
    assert.match(
      late.err,
      /on no open invoice: c2, since acme\/2025-11-01T00:00:00Z was closed without it; date it from 2025-11-01T00:00:00Z on/,
    );
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
