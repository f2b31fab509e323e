// SPDX-License-Identifier: Apache-2.0
// What the exit codes of `writ audit` say, so that a script can tell a copy that was cut from one that was changed.
import type { Problem } from '../../policies/problem.ts';

const EXIT_TAMPERED = 1;
export const EXIT_INCOMPLETE = 2;
const EXIT_UNTRUSTED = 3;
export const EXIT_AUDIT_USAGE = 4;

/** What is missing is a part, or what came after. */
const CUT: ReadonlySet<string> = new Set(['AUDIT_INCOMPLETE', 'AUDIT_STALE']);

/** What was changed weighs most; then whose it is; then what is missing. */
export const exitOf = (problems: readonly Problem[]): number => {
  const codes = new Set(problems.map(({ code }) => code));
  const isOnly = [...codes].every((code) => code === 'AUDIT_KEY' || CUT.has(code));
  if (!isOnly) return EXIT_TAMPERED;
  if (codes.has('AUDIT_KEY')) return EXIT_UNTRUSTED;
  return codes.size > 0 ? EXIT_INCOMPLETE : 0;
};
