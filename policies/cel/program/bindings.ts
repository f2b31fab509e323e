// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../values/value.ts';

/** Variables by name; only own keys count. */
export type Bindings = { readonly [name: string]: Value | undefined };
