// SPDX-License-Identifier: Apache-2.0
// An in-toto statement of any kind: which files it is about. What it says of them is its reader's to believe.
// Fields that are not known are passed over, as the specification asks: github.com/in-toto/attestation, spec/v1.
import type { JsonObject } from '../../policies/document/json.ts';
import { own } from '../../policies/document/json.ts';
import { MAX_SUBJECTS, STATEMENT_TYPES } from '../../policies/trust/statement.ts';
import { objectAt, objectsAt, parseStrictBytes, textAt } from '../../policies/trust/strict-json.ts';
import { digestOf } from './artifact.ts';
import type { Artifact } from './artifact.ts';

export type AnyStatement = { readonly predicateType: string; readonly subjects: readonly JsonObject[] };
export type StatementOutcome = { readonly ok: true; readonly statement: AnyStatement } | { readonly ok: false; readonly why: string };

const no = (why: string): StatementOutcome => ({ ok: false, why });

export const readAnyStatement = (payload: Uint8Array): StatementOutcome => {
  const statement = parseStrictBytes(payload);
  if (statement === undefined) return no('it is not a JSON object without repeated keys');
  if (!STATEMENT_TYPES.has(textAt(statement, '_type') ?? '')) return no('_type is not that of an in-toto statement, v0.1 or v1');
  const predicateType = textAt(statement, 'predicateType') ?? '';
  if (predicateType === '') return no('predicateType is missing');
  const subjects = objectsAt(statement, 'subject') ?? [];
  if (subjects.length === 0 || subjects.length > MAX_SUBJECTS) return no(`subject is not a list of 1 to ${MAX_SUBJECTS} files`);
  return { ok: true, statement: { predicateType, subjects } };
};

const ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const;

/** Every digest that can be made here must be that of the file, and there must be one; a digest in hand is SHA-256. */
const isSubject = (subject: JsonObject, artifact: Artifact): boolean => {
  const digests = objectAt(subject, 'digest') ?? {};
  const answers = ALGORITHMS.flatMap((algorithm) => {
    const given = own(digests, algorithm);
    if (given === undefined) return [];
    const actual = digestOf(artifact, algorithm);
    return actual === undefined ? [] : [given === actual];
  });
  return answers.length > 0 && answers.every(Boolean);
};

export const isAbout = ({ subjects }: AnyStatement, artifact: Artifact): boolean =>
  subjects.some((subject) => isSubject(subject, artifact));
