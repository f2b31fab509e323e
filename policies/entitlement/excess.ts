// SPDX-License-Identifier: Apache-2.0
// What of a spec lies beyond a tier.
import type { TenantSpec } from '../../crds/generated/objects.ts';
import type { JsonPath } from '../document/index.ts';
import { formatPath } from '../document/json.ts';
import type { Tier } from './tier.ts';

/** `path`: of the field, and the same for every tier. */
export type Excess = { readonly path: string; readonly asked: string; readonly allowed: string };
export type Bounded = { readonly spec: TenantSpec; readonly excesses: readonly Excess[] };
export type Bound = (spec: TenantSpec, tier: Tier) => Bounded;

export const excessAt = (path: JsonPath, asked: string, allowed: string): Excess => ({
  path: formatPath(['spec', ...path]),
  asked,
  allowed,
});
