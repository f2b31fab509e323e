// SPDX-License-Identifier: Apache-2.0
import type { Problem } from '../problem.ts';
import type { Trust } from './trust.ts';

export type LoadOutcome = { readonly ok: true; readonly trust: Trust } | { readonly ok: false; readonly problem: Problem; readonly problems: readonly Problem[] };
/** `file` names the document in problems. */
export type LoadOptions = { readonly pinnedDigest: string; readonly file?: string };
export const loadTrust = (bytes: Uint8Array, options: LoadOptions): LoadOutcome => { throw new Error(options.pinnedDigest + bytes.length); };
