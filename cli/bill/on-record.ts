// SPDX-License-Identifier: Apache-2.0
// What the operator put on record of documents that were issued, held against their files.
import type { IssuedOnRecord } from '../../operator/billing/issued.ts';
import { textDigest } from '../../operator/billing/rating/invoice.ts';
import type { Problem } from '../../policies/problem.ts';
import { startOf } from '../../policies/problem.ts';

/** `text` is undefined where no file is there. */
type File = { readonly place: string; readonly text: string | undefined };

/** `fileOf`: of the document with that id; undefined for one of another sort, which lies somewhere else. */
export const recordProblems = (
  issued: readonly IssuedOnRecord[] | undefined,
  fileOf: (id: string) => File | undefined,
): readonly Problem[] =>
  (issued ?? []).flatMap(({ id, digest }): readonly Problem[] => {
    const file = fileOf(id);
    if (file === undefined) return [];
    const found = file.text === undefined ? undefined : textDigest(file.text);
    if (found === digest) return [];
    const what = found === undefined ? 'is not there' : `is ${found}`;
    return [{ code: 'BILL_RECORD_DIFFERS', message: `${id} is on record as ${digest}, and the file ${what}`, at: startOf(file.place) }];
  });
