// SPDX-License-Identifier: Apache-2.0
// A GitSource that is confined to a tenant (`spec.tenantRef`) brings the tenant's own policies and nothing else: no Tenant, no
// ruleset, no trust, and no policy that says anything about others. What is refused is refused with the whole commit.
import { isTenantName } from '../../policies/trust/rules.ts';
import { startOf } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import type { Manifest } from '../manifest/index.ts';
import type { VerifiedObject } from '../manifest/verify.ts';

const beyond = (message: string, more: Pick<Problem, 'at' | 'path'>): Problem => ({ code: 'SOURCE_BEYOND_TENANT', message, ...more });

/** By the names of the files alone, before anything is read. */
export const foreignFiles = ({ documents, trustVersions }: Manifest, tenant: string): readonly Problem[] =>
  [...documents.filter(({ kindHint }) => kindHint !== 'policy'), ...trustVersions].map(({ path }) =>
    beyond(`a source of tenant ${tenant} brings policies alone`, { at: startOf(path) }),
  );

/** By what their bytes say. */
export const foreignObjects = (objects: readonly VerifiedObject[], tenant: string): readonly Problem[] =>
  objects.flatMap((verified): readonly Problem[] => {
    const { kind, name, path, parsed } = verified;
    if (kind !== 'Policy') return [beyond(`a source of tenant ${tenant} brings no ${kind}`, { at: startOf(path) })];
    if (!isTenantName(name, tenant)) {
      return [
        beyond(`the name ${name} does not begin with ${tenant}.`, { at: parsed.positionOf(['metadata', 'name']), path: 'metadata.name' }),
      ];
    }
    const { tenants = [] } = verified.object.spec;
    if (tenants.length === 1 && tenants[0] === tenant) return [];
    return [beyond(`spec.tenants must be [${tenant}]`, { at: parsed.positionOf(['spec', 'tenants']), path: 'spec.tenants' })];
  });
