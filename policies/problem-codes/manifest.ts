// SPDX-License-Identifier: Apache-2.0
// What is wrong with a tree of documents.
import type { ProblemCodes } from './entry.ts';

export const manifestCodes = {
  MANIFEST_MISPLACED: {
    summary: 'A file lies where documents are expected, but has no name that a document may have.',
    fix: 'name it policies/NAME.yaml, tenants/NAME.yaml or rulesets/NAME/ruleset.yaml in lower case, or move it out of that folder',
  },
  MANIFEST_NAME: { summary: 'The name of the object is not the name of its file.', fix: 'make metadata.name and the file name the same' },
  MANIFEST_KIND: { summary: 'The document is of another kind than its folder is for.', fix: 'move the file to the folder of its kind' },
  MANIFEST_DUPLICATE: { summary: 'Two files of one commit hold the same object.', fix: 'remove one of the two' },
  SEAL_ORPHAN: { summary: 'A seal names no file of the commit.', fix: 'remove the seal, or push the file that it belongs to' },
  SEAL_MISSING: { summary: 'A document has no seal beside it.', fix: 'sign the file with `writ sign FILE` and commit FILE.sigstore.json' },
  SEAL_ENCODING: { summary: 'A seal is not UTF-8 text.', fix: 'make the seal again with `writ sign` or `cosign sign-blob --bundle`' },
} as const satisfies ProblemCodes;
