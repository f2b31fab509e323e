// SPDX-License-Identifier: Apache-2.0
// What is said of a code: what it means, and what to do.
export type ProblemCodes = Readonly<Record<string, { readonly summary: string; readonly fix: string }>>;
