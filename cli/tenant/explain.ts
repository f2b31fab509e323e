// SPDX-License-Identifier: Apache-2.0
// writ tenant explain: what each field of a Tenant comes to and who says so, which tier would allow what is cut, and what its licenses give.
import { Command } from 'commander';
import { entitledCondition } from '../../policies/entitlement/condition.ts';
import { explainTenant } from '../../policies/entitlement/explain.ts';
import type { FieldExplained, LicenseStanding, TenantExplained } from '../../policies/entitlement/explain.ts';
import { judgedAt } from '../judged-at.ts';
import { EXIT_FINDINGS, UserError, printJson, problemRow } from '../output.ts';
import type { Terminal } from '../output.ts';
import { columns, heldToOptions, readHeldTo } from './held-to.ts';
import type { HeldToOptions } from './held-to.ts';

const HELP = `
A Tenant counts after the defaults and within the limits of its tier, as operator and webhook count it. Told are: each field of
its spec and of its tier, what it comes to and who says so; what is cut, with the first tier that would allow it; the features of the
tier; and each License, with what it gives this tenant or why it gives nothing. Without a TierCatalog the spec counts as it is written.

Seals are not asked for: Writ asks when it takes documents in, \`writ verify\` before. Of a cluster what it holds under a seal counts.

Formats: text; json has {tenant, asks, tier, entitled, fields, features, licenses, problems}.

Exit codes: 0 all is within the tier, 1 something is beyond it, or there is no such Tenant, 2 wrong use.

Examples:
  writ tenant explain acme -f .
  writ tenant explain acme -f tiers.yaml licenses tenants/acme.yaml --installation 0f9f2f0e-6a39-4a4e-b14e-3b7d8b1f9e11
  writ tenant explain acme --context production --output json`;

const SHOWN_CHARACTERS = 100;

const shown = (value: unknown): string => {
  const text = value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS - 1)}…`;
};

const whoWould = (allowedBy: string | undefined): string =>
  allowedBy === undefined ? 'no tier would allow it' : `${allowedBy} would allow it`;

const sourceOf = ({ source, asked, allowedBy }: FieldExplained): string => {
  switch (source) {
    case 'tenant':
      return 'the Tenant';
    case 'default':
      return 'default of the tier';
    case 'given':
      return asked === undefined ? 'the tier' : `the Tenant and the tier; it says ${shown(asked)}`;
    case 'kept':
      return `BEYOND, and kept: ${whoWould(allowedBy)}`;
    case 'cut':
      return `CUT: ${shown(asked)} is asked for, ${whoWould(allowedBy)}`;
  }
};

export const endOf = (endsMs: number | undefined): string => (endsMs === undefined ? 'never' : new Date(endsMs).toISOString());

const licenseRows = (standings: readonly LicenseStanding[]): readonly (readonly string[])[] =>
  standings.map(({ name, tier, endsMs, counts, why }) => [name, tier ?? '-', endOf(endsMs), counts ? 'counts' : `no: ${why}`]);

const section = (title: string, rows: readonly (readonly string[])[]): string => `\n${title}\n${columns(rows)}`;

const textOf = (explained: TenantExplained, atMs: number): string => {
  const { tenant, asks, effective, fields, features, licenses } = explained;
  const { status, message } = entitledCondition(effective, atMs);
  return [
    `Tenant ${tenant} asks for tier ${asks ?? '(the default)'} and has ${effective.tier ?? 'no tier: there is no catalog'}\n`,
    `Entitled: ${status}: ${message}\n`,
    section('FIELDS', [['FIELD', 'COMES TO', 'BY'], ...fields.map((field) => [field.path, shown(field.value), sourceOf(field)])]),
    section('FEATURES', [
      ['FEATURE', 'HAS IT', 'LETS A TENANT'],
      ...features.map(({ name, has, lets, allowedBy }) => [
        name,
        has ? 'yes' : allowedBy === undefined ? 'no' : `no, ${allowedBy} has`,
        lets,
      ]),
    ]),
    licenses.length === 0
      ? '\nThere are no licenses.\n'
      : section('LICENSES', [['LICENSE', 'GIVES', 'ENDS', 'COUNTS'], ...licenseRows(licenses)]),
  ].join('');
};

const jsonOf = (explained: TenantExplained, atMs: number): object => {
  const { tenant, asks, effective, fields, features, licenses, problems } = explained;
  return {
    tenant,
    asks: asks ?? null,
    tier: effective.tier ?? null,
    entitled: entitledCondition(effective, atMs),
    fields: fields.map(({ value, ...field }) => ({ ...field, value: value ?? null })),
    features,
    licenses: licenses.map(({ endsMs, ...license }) => ({ ...license, ends: endsMs === undefined ? null : endOf(endsMs) })),
    problems: problems.map((problem) => ({ ...problemRow(problem), allowedBy: problem.allowedBy ?? null })),
  };
};

const run = async (name: string, options: HeldToOptions, terminal: Terminal): Promise<void> => {
  const atMs = judgedAt(options.at, terminal);
  const { tenants, state, notes } = await readHeldTo(options, terminal);
  for (const note of notes) terminal.err(`note: ${note}\n`);
  const tenant = tenants.find(({ metadata }) => metadata.name === name);
  if (tenant === undefined) {
    const there = tenants.map(({ metadata }) => metadata.name).toSorted();
    const message = `there is no Tenant ${name}${there.length === 0 ? '' : `, but ${there.slice(0, 5).join(', ')}${there.length > 5 ? ' and others' : ''}`}`;
    throw new UserError([{ code: 'TENANT_MISSING', message }]);
  }
  const explained = explainTenant(tenant, state, atMs);
  if (explained.problems.length > 0) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json') printJson(terminal, jsonOf(explained, atMs));
  else terminal.out(textOf(explained, atMs));
};

export const explainCommand = (terminal: Terminal): Command =>
  heldToOptions(new Command('explain').description('tell what a Tenant comes to in its tier, and why').argument('<name>', 'the Tenant'))
    .addHelpText('after', HELP)
    .action((name: string, options: HeldToOptions) => run(name, options, terminal));
