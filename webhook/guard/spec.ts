// SPDX-License-Identifier: Apache-2.0
// `spec` is a copy of the sealed document for people. It is no input to anything, and it may say nothing else all the same:
// whoever reads it must not be misled.
import { isRecord } from '../../crds/wire.ts';
import { anyDifference } from '../../policies/document/difference.ts';
import type { Problem } from '../../policies/problem.ts';

type Spec = Readonly<Record<string, unknown>>;

/** What the API server fills in by the schema of Tenants, the only one of our schemas that has defaults below spec. */
export const withTenantDefaults = (spec: Spec): Spec => {
  const { namespaces } = spec;
  return {
    suspend: false,
    admission: 'Open',
    deletionPolicy: 'Protect',
    ...spec,
    ...(isRecord(namespaces) ? { namespaces: { prefixPolicy: 'None', adoptionPolicy: 'Never', ...namespaces } } : {}),
  };
};

/** `declared`: the spec in the sealed bytes. */
export const specProblem = (kind: string, declared: unknown, live: unknown): Problem | undefined => {
  const wanted = kind === 'Tenant' && isRecord(declared) ? withTenantDefaults(declared) : declared;
  const path = anyDifference(wanted, live, 'spec');
  return path === undefined ? undefined : { code: 'SPEC_DIFFERS', message: 'this is not what the signed document says', path };
};
