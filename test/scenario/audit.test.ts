// SPDX-License-Identifier: Apache-2.0
// What a running operator does and what is done to it is on record, over its death, and proven offline by the command line.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  AUDIT_SECRET,
  ERASE_AUDIT_ANNOTATION,
  SYSTEM_NAMESPACE,
  WEBHOOK_CONFIGURATION_NAME,
  priceBooks,
  secrets,
  tenants,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { JsonValue } from '../../policies/document/json.ts';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import type { AuditEntry } from '../../policies/transparency/entry.ts';
import { readBundle } from '../../policies/transparency/tiles.ts';
import { pinned, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { objectSays, sourceRefuses } from './told.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

describe('the audit log of an operator', () => {
  const data = mkdtempSync(join(tmpdir(), 'writ-data-'));
  let writ: Installation;
  let exports = 0;
  let vkeyFile = '';
  before(async () => {
    writ = await installWrit({
      documents: {
        'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
        'policies/pinned.yaml': pinned,
        'prices/standard.yaml': readFileSync(new URL('../../deploy/examples/prices.yaml', import.meta.url), 'utf8'),
      },
      controlPlane: { controllerManager: false },
      operatorFlags: {
        ledger: join(data, 'ledger.db'),
        'usage-transport': 'plain',
        'usage-address': '127.0.0.1:0',
        'usage-interval': '1s',
        'audit-dir': join(data, 'audit'),
        'audit-checkpoint-interval': '100ms',
      },
    });
    const secret = await until(
      () => writ.client.get<KubeObject & { data?: Record<string, string> }>(secrets, { namespace: SYSTEM_NAMESPACE, name: AUDIT_SECRET }),
      {
        what: 'the keys of the audit log',
      },
    );
    vkeyFile = join(data, 'log.vkey');
    writeFileSync(vkeyFile, Buffer.from(secret.data?.['verifier-key'] ?? '', 'base64'));
  });
  after(async () => {
    await writ?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const cli = (...args: readonly string[]): { readonly code: number | null; readonly out: string; readonly err: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'audit', ...args], { encoding: 'utf8' });
    return { code: status, out: stdout, err: stderr };
  };
  /** Everything on record, by an export that was verified. */
  const entries = (): readonly AuditEntry[] => {
    const out = join(data, `export-${(exports += 1)}`);
    const made = cli('export', join(data, 'audit'), '--out', out);
    assert.equal(made.code, 0, made.err);
    const verified = cli('verify', out, '--vkey', vkeyFile);
    assert.equal(verified.code, 0, verified.out + verified.err);
    return readdirSync(out, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile() && file.parentPath.includes('entries'))
      .flatMap((file) => readBundle(readFileSync(join(file.parentPath, file.name))).entries)
      .map(({ bytes }) => decodeEntry(bytes) ?? assert.fail());
  };
  const find = (action: string, kind?: string, name?: string): Promise<AuditEntry> =>
    until(
      async () =>
        entries().findLast(
          (entry) =>
            entry.action === action &&
            (kind === undefined || entry.object?.kind === kind) &&
            (name === undefined || entry.object?.name === name),
        ),
      {
        what: `an entry ${action} of ${kind ?? 'anything'} ${name ?? ''}`,
      },
    );

  it('has what Writ goes by, with the specs encrypted, and the commit that brought it', async () => {
    for (const [kind, name] of [
      ['TrustPolicy', 'cluster'],
      ['Policy', 'pinned'],
      ['PriceBook', 'standard'],
      ['Tenant', 'acme'],
      ['GitSource', 'policies'],
    ] as const) {
      const entry = await find('configuration.changed', kind, name);
      assert.match(textOf(entry.detail?.['spec']), /^sha256:/);
      assert.ok(entry.enc?.['detail.spec'] !== undefined);
      assert.equal(entry.tenant, kind === 'Tenant' ? 'acme' : undefined);
    }
    const applied = await find('commit.applied', 'GitSource', 'policies');
    assert.match(textOf(applied.detail?.['revision']), /^main@sha1:/);
    for (const [kind, name] of [
      ['Policy', 'pinned'],
      ['TrustPolicy', 'cluster'],
    ] as const) {
      const mark = await find('mark.raised', kind, name);
      assert.match(textOf(mark.detail?.['digest']), /^sha256:/);
    }
    await find('usage.meter');
    const meters = entries().filter(({ action }) => action === 'usage.meter');
    assert.deepEqual(meters.find(({ detail }) => detail?.['name'] === 'users')?.detail, {
      aggregation: 'peak',
      divisor: '1',
      name: 'users',
      unit: '1',
    });
    assert.match(textOf((await find('key.signing')).detail?.['verifierKey']), /^writ\.dev\/audit\//);
  });

  it('goes by the price book, as its status says', async () => {
    const book = await objectSays(
      writ.client,
      { resource: priceBooks, name: 'standard' },
      { type: 'Ready', status: 'True', reason: 'InForce' },
    );
    assert.match(JSON.stringify(book), /"signers":\["/);
  });

  it('has a commit that was refused, with the code and the place', async () => {
    await writ.push({ 'policies/pinned.yaml': pinned.replace('version: 1', 'version: 2') }, { sealed: false });
    const { message } = await sourceRefuses(writ.client, 'SEAL_');
    const refused = await find('commit.refused', 'GitSource', 'policies');
    const [problem] = Array.isArray(refused.detail?.['problems']) ? refused.detail['problems'] : [];
    assert.ok(message.includes(problem.code), `${message} ${JSON.stringify(problem)}`);
    assert.match(problem.at, /^policies\/pinned\.yaml:\d+:\d+$/);
    assert.equal(refused.decision, 'Deny');
    await find('person.warned', 'GitSource', 'policies');
  });

  it('has what somebody changed that Writ stands on', async () => {
    await writ.client.delete(validatingWebhookConfigurations, { name: WEBHOOK_CONFIGURATION_NAME });
    const entry = await find('tampering.repaired', 'ValidatingWebhookConfiguration', WEBHOOK_CONFIGURATION_NAME);
    assert.match(textOf(entry.detail?.['found']), /was deleted/);
  });

  it('has where the receipts of decisions stand, by which all of them are held to what they were', async () => {
    await until(async () => (await verdictOf(writ.client, podOf({ namespace: 'acme-prod', image: 'agent:latest' }))) !== 'allowed', {
      what: 'a refusal',
    });
    const { detail } = await find('decisions.sealed');
    const lines = readFileSync(join(writ.folder, 'decisions.jsonl'), 'utf8').split('\n');
    const told = lines.find((line) => line.includes('"msg":"receipts"') && line.includes(`"batch":${textOf(detail?.['batch'])},`)) ?? '';
    assert.ok(told.includes(textOf(detail?.['digest'])), told);
  });

  it('goes on after a crash, and tells what was deleted meanwhile', async () => {
    await writ.operator.stop('SIGKILL', 5000);
    const before = entries().length;
    await writ.plane.kubectl(['delete', 'tenant', 'acme', '--wait=false']);
    await writ.plane.kubectl(['patch', 'tenant', 'acme', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    writ.operator = await writ.startOperator();
    await writ.operator.ready();
    await find('configuration.deleted', 'Tenant', 'acme');
    const all = entries();
    assert.ok(all.length > before);
    const repeated = all.filter(
      ({ action, object, detail }) => action === 'configuration.changed' && object?.kind === 'Policy' && detail !== undefined,
    );
    assert.equal(repeated.length, 1, 'what is as it was is not told again');
    assert.match(await writ.operator.metrics(), /^writ_audit_entries_total \d/m);
  });

  it('lets a tenant be forgotten, and holds all the same', async () => {
    const tenant = {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'Tenant',
      metadata: { name: 'gone' },
      spec: { tier: 'Free' },
    };
    await writ.client.create(tenants, tenant);
    // What is told of it after it was forgotten would be under a new key, which stands.
    await find('configuration.changed', 'Tenant', 'gone');
    const body = { metadata: { annotations: { [ERASE_AUDIT_ANNOTATION]: 'ticket-1' } } };
    await writ.client.patch(tenants, { name: 'gone' }, { type: 'merge', body });
    const entry = await find('subject.erased');
    assert.deepEqual([entry.tenant, entry.detail?.['request'], Array.isArray(entry.detail?.['kids'])], ['gone', 'ticket-1', true]);
    const out = join(data, 'of-gone');
    assert.equal(cli('export', join(data, 'audit'), '--tenant', 'gone', '--out', out).code, 0);
    const { code, out: told } = cli('verify', out, '--vkey', vkeyFile);
    assert.equal(code, 0, told);
    assert.match(told, /which was destroyed/);
  });
});
