// SPDX-License-Identifier: Apache-2.0
import { issueAt } from './syntax/issue.ts';
import type { Issue } from './syntax/issue.ts';
import type { Program } from './program/program.ts';

export type { Issue } from './syntax/issue.ts';
export type { Bindings, Budget, Program } from './program/program.ts';
export { CelError, isBudgetError, isCelError } from './values/error.ts';
export { CelDouble, CelOptional, CelUint, Fields, NONE } from './values/value.ts';
export type { CelInt, JsonMap, Value } from './values/value.ts';
export { CelMap } from './values/map.ts';
export { CelDuration, CelTimestamp } from './values/time.ts';
export { CelType } from './values/boxed.ts';
export { fromJson, parseJson, toJson } from './values/json.ts';

/** What the expression must give; exact as Kubernetes has it (`dyn` is not `bool`). */
export type ResultType = 'bool' | 'string' | 'string-or-null' | 'any';
export type CompileOptions = { readonly variables: readonly string[]; readonly result?: ResultType };
export type CompileResult = { readonly ok: true; readonly program: Program } | { readonly ok: false; readonly issues: readonly Issue[] };

export const compile = (source: string, _options: CompileOptions): CompileResult => ({ ok: false, issues: [issueAt(source, 0, 'not built yet')] });
