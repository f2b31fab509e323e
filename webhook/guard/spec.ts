// SPDX-License-Identifier: Apache-2.0
// `spec` is a copy of the sealed document for people. It is no input to anything, and it may say nothing else all the same:
// whoever reads it must not be misled.
import { isRecord } from '../../crds/wire.ts';
import { anyDifference } from '../../policies/document/difference.ts';
import type { Problem } from '../../policies/problem.ts';
import { withTenantDefaults } from '../../policies/tenant-object.ts';

/** `declared`: the spec in the sealed bytes. */
export const specProblem = (kind: string, declared: unknown, live: unknown): Problem | undefined => {
  const wanted = kind === 'Tenant' && isRecord(declared) ? withTenantDefaults(declared) : declared;
  const path = anyDifference(wanted, live, 'spec');
  return path === undefined ? undefined : { code: 'SPEC_DIFFERS', message: 'this is not what the signed document says', path };
};
