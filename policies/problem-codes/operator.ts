// SPDX-License-Identifier: Apache-2.0
// What keeps the operator from starting.
import type { ProblemCodes } from './entry.ts';

export const operatorCodes = {
  SOURCE_BEYOND_TENANT: {
    summary: 'A source that is confined to a tenant brings something that reaches beyond it.',
    fix: "bring nothing but Policies, each with spec.tenants: [TENANT] and a name that begins with the tenant's name and a dot",
  },
  SOURCE_FIELD_UNSUPPORTED: { summary: 'The GitSource asks for something that this version does not do.', fix: 'remove the field named' },
  SOURCE_SECRET_MISSING: { summary: 'The Secret that the GitSource names is not there.', fix: 'create it, or correct the name' },
} as const satisfies ProblemCodes;
