// SPDX-License-Identifier: Apache-2.0
// What tests of assembling are made of: documents of which only name, version and digest count, and what speaks of them.
import assert from 'node:assert/strict';
import type { Inventory } from '../../crds/inventory.ts';
import { sourceLabel } from '../../crds/kinds.ts';
import type { Mark } from '../../crds/marks.ts';
import type { ProblemCode } from '../../policies/problem.ts';
import type { SetProof } from '../../policies/currency/removal.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { nothingEnforced } from './enforcement.ts';
import type { AssembleState, Assembled, Offer } from './enforcement.ts';
import { assemble } from './assemble.ts';

export const SOURCE = 'writ-system/policies';

// Assembling never looks into what a document says.
export const documentOf = (name: string, version: number, variant = '', expiresMs?: number): PolicyDocument => ({
  kind: 'Policy',
  name,
  version,
  digest: `sha256:${name}-${version}${variant}`,
  expiresMs,
  graceMs: 0,
  endsItself: true,
  retired: variant === '-retired',
  signers: ['ci'],
  compiled: [],
  policies: [],
  again: () => assert.fail('assembling judges nothing'),
});
export const retiredOf = (name: string, version: number): PolicyDocument => documentOf(name, version, '-retired');
export const offer = (document: PolicyDocument, source?: string): Offer => ({
  kind: document.kind,
  name: document.name,
  source: source === undefined ? undefined : sourceLabel(source),
  judged: { ok: true, document },
});
export const refusedOffer = (name: string, source?: string, code: ProblemCode = 'POLICY_UNSIGNED'): Offer => ({
  kind: 'Policy',
  name,
  source: source === undefined ? undefined : sourceLabel(source),
  judged: { ok: false, problem: { code, message: 'refused' } },
});
export const inventory = (revision: string, documents: readonly PolicyDocument[], source = SOURCE): Inventory => ({
  source,
  revision,
  documents: [
    ...documents.map(({ name, digest }) => ({ kind: 'Policy', group: 'writ.dev', version: 'v1alpha1', name, digest })),
    { kind: 'Tenant', group: 'writ.dev', version: 'v1alpha1', name: 'acme', digest: 'sha256:tenant' },
  ],
});
export const step = (state: Partial<AssembleState>): Assembled =>
  assemble({
    previous: nothingEnforced,
    offers: [],
    inventories: [],
    sets: new Map(),
    told: [],
    unreadable: [],
    atMs: 1000,
    isStarting: false,
    ...state,
  });
/** The set seal of a source: what it lists, by those who may decide about policies. */
export const setOf = (sequence: number, documents: readonly PolicyDocument[], source = SOURCE): ReadonlyMap<string, SetProof> =>
  new Map([
    [
      source,
      {
        source,
        sequence,
        digest: `sha256:set-${sequence}-${documents.map(({ digest }) => digest).join()}`,
        files: new Map(documents.map(({ name, digest }) => [`policies/${name}.yaml`, digest])),
        signers: ['ci'],
        mayDecide: () => true,
      },
    ],
  ]);
export const markOf = ({ kind, name, version, digest }: PolicyDocument, more: Partial<Mark> = {}): Mark => ({
  kind,
  name,
  version,
  digest,
  ...more,
});
export const codeOf = (assembled: Assembled, name: string): string | undefined => assembled.refused.get(`Policy/${name}`)?.code;
export const enforced = (assembled: Assembled): string[] => assembled.documents.map(({ digest }) => digest.slice(7));
