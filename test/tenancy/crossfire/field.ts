// SPDX-License-Identifier: Apache-2.0
// Where a shot is fired: what the API server serves, and the two tenants of which one shoots at the other.
import type { ServedKind } from '../access.ts';
import type { Held } from './canaries.ts';

export type Target = { readonly tenant: string; readonly namespaces: readonly [string, string]; readonly held: readonly Held[] };
export type Field = { readonly served: readonly ServedKind[]; readonly own: Target; readonly other: Target };
