// SPDX-License-Identifier: Apache-2.0
// What tenants are held to, from files or from a cluster: the Tenants, the TierCatalog and the Licenses. Of a cluster the sealed bytes count, as they do to
// Writ itself; whether seals are good is not asked here: Writ asks when it takes them in, `writ verify` before.
import { Option } from 'commander';
import type { Command } from 'commander';
import type { License, TenantSpec } from '../../crds/generated/objects.ts';
import { licenses, namespaces, tenants, tierCatalogs } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { durationMs } from '../../policies/document/duration.ts';
import { parseDocument } from '../../policies/document/index.ts';
import type { ParsedDocument } from '../../policies/document/index.ts';
import { validateDocument } from '../../policies/document/validate.ts';
import type { DocumentObject } from '../../policies/document/validate.ts';
import { readCatalog } from '../../policies/entitlement/catalog.ts';
import type { LicenseTerms } from '../../policies/entitlement/license.ts';
import type { EntitlementState } from '../../policies/entitlement/remembered.ts';
import type { TierTable } from '../../policies/entitlement/tier.ts';
import { UsageError, UserError } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { loadPolicyFiles } from '../policy-files.ts';

export type TenantFacts = { readonly metadata: { readonly name: string }; readonly spec: TenantSpec };

export type HeldTo = {
  readonly tenants: readonly TenantFacts[];
  readonly state: EntitlementState;
  /** What could not count, for people. */
  readonly notes: readonly string[];
};

export type HeldToOptions = {
  readonly files: readonly string[];
  readonly context?: string;
  readonly installation?: string;
  readonly at?: string;
  readonly output: Format;
};

/** Of both commands. */
export const heldToOptions = (command: Command): Command =>
  command
    .option('-f, --files <path...>', 'files and folders with Tenants, the TierCatalog and Licenses', [])
    .option('--context <name>', 'read them of the cluster of this context of the kubeconfig instead')
    .option('--installation <uid>', 'of files: the installation that licenses must be for, metadata.uid of the namespace kube-system')
    .option('--at <time>', 'judge as of this time, RFC 3339; default: now')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'));

const termsOf = ({ metadata: { name }, spec }: Pick<License, 'metadata' | 'spec'>): LicenseTerms => {
  const expiresMs = spec.expires === undefined ? undefined : Date.parse(spec.expires);
  const closesMs = expiresMs === undefined ? undefined : expiresMs + durationMs(spec.gracePeriod ?? '');
  return { name: name ?? '', spec, expiresMs, closesMs };
};

const fromFiles = ({ files, installation }: HeldToOptions): HeldTo => {
  const found = loadPolicyFiles(files);
  if (found.problems.length > 0) throw new UserError(found.problems);
  const [catalog] = found.catalogs;
  const named = found.tenants.flatMap(({ metadata, spec }) =>
    metadata.name === undefined ? [] : [{ metadata: { name: metadata.name }, spec }],
  );
  return {
    tenants: named,
    state: { catalog, licenses: found.licenses.map(termsOf), installation },
    notes: found.catalogs.length > 1 ? [`there are ${found.catalogs.length} catalogs; version ${catalog?.version} is gone by`] : [],
  };
};

type Sealed = KubeObject & {
  readonly signature?: { readonly document?: unknown };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[] };
};

type SealedDocument = { readonly ok: true; readonly parsed: ParsedDocument; readonly valid: DocumentObject };

/** What Writ refuses gives nothing; why is noted. */
const sealedIn = (kind: 'TierCatalog' | 'License', object: Sealed): SealedDocument | { readonly ok: false; readonly note: string } => {
  const { metadata, signature, status } = object;
  const text = signature?.document;
  const refusal = status?.conditions?.find(({ type, status: holds }) => type === 'Verified' && holds === 'False');
  const parsed = typeof text === 'string' ? parseDocument(Buffer.from(text), `${kind} ${metadata.name}`) : undefined;
  const valid = parsed?.ok === true ? validateDocument(parsed.document) : undefined;
  if (refusal === undefined && parsed?.ok === true && valid?.ok === true && valid.kind === kind)
    return { ok: true, parsed: parsed.document, valid };
  return {
    ok: false,
    note: `${kind} ${metadata.name} gives nothing: ${refusal?.message ?? 'it holds no sealed document that can be read'}`,
  };
};

const fromCluster = async (client: KubeClient): Promise<HeldTo> => {
  const list = async <T extends KubeObject>(resource: Resource): Promise<readonly T[]> => (await client.list<T>(resource)).items;
  const [living, catalogs, licensed, system] = await Promise.all([
    list<KubeObject & TenantFacts>(tenants),
    list<Sealed>(tierCatalogs),
    list<Sealed>(licenses),
    client.get<KubeObject>(namespaces, { name: 'kube-system' }),
  ]);
  const read = [...catalogs.map((object) => sealedIn('TierCatalog', object)), ...licensed.map((object) => sealedIn('License', object))];
  const tables = read.flatMap((one): readonly TierTable[] => {
    const outcome = one.ok && one.valid.kind === 'TierCatalog' ? readCatalog(one.valid.object, one.parsed) : undefined;
    return outcome?.ok === true && outcome.table !== undefined ? [outcome.table] : [];
  });
  const terms = read.flatMap((one) => (one.ok && one.valid.kind === 'License' ? [termsOf(one.valid.object)] : []));
  const notes = read.flatMap((one) => (one.ok ? [] : [one.note]));
  return { tenants: living, state: { catalog: tables[0], licenses: terms, installation: system?.metadata.uid }, notes };
};

export const readHeldTo = async (options: HeldToOptions, terminal: Terminal): Promise<HeldTo> => {
  const { files, context } = options;
  if ((files.length === 0) === (context === undefined)) throw new UsageError('say either -f FILES or --context NAME');
  if (context === undefined) return fromFiles(options);
  const client = createKubeClient({ context, clock: terminal.clock, userAgent: 'writ' });
  try {
    return await fromCluster(client);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new UserError([{ code: 'CLUSTER_UNREADABLE', message: `context ${context}: ${said}` }]);
  } finally {
    await client.close();
  }
};

/** Columns as wide as what stands in them, two blanks between. */
export const columns = (rows: readonly (readonly string[])[]): string => {
  const widths = rows.reduce<readonly number[]>((known, row) => row.map((cell, index) => Math.max(known[index] ?? 0, cell.length)), []);
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
};
