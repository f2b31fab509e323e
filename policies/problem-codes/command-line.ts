// SPDX-License-Identifier: Apache-2.0
// What the command line refuses.
import type { ProblemCodes } from './entry.ts';

export const commandLineCodes = {
  FILE_UNREADABLE: { summary: 'A file cannot be read or written.', fix: 'check the path and its permissions' },
  FILE_EXISTS: { summary: 'A file is there already and would be lost.', fix: 'choose another name or move the file away' },
  FILE_NONE: { summary: 'No document was found.', fix: 'name a file, or a folder with YAML documents of writ.dev' },
  TENANT_MISSING: {
    summary: 'No Tenant of that name is among what was read.',
    fix: 'name files or a folder that hold it by -f, or the context of the cluster that has it',
  },
  CLUSTER_UNREADABLE: {
    summary: 'The cluster does not let its Tenants, TierCatalog and Licenses be read, or is none.',
    fix: 'check the context with kubectl --context NAME get tenants,tiercatalogs,licenses; the ClusterRole writ-viewer lets them be read',
  },
  SIGNER_FAILED: {
    summary: 'The signer gave no signature that verifies, so nothing was written.',
    fix: 'run the signer by hand, and see that it uses the key whose public half is given',
  },
  SIGNER_SERVICE: {
    summary: 'A service of the Sigstore instance did not answer as it should, so nothing was written.',
    fix: 'check the URL and whether the service runs; nothing is lost by trying again',
  },
  TOKEN_INVALID: {
    summary: 'The identity token says nobody whom Fulcio could write into a certificate.',
    fix: 'ask the OpenID Connect provider for an identity token with the audience sigstore',
  },
  EDIT_IMPOSSIBLE: {
    summary: 'The file cannot be changed without touching more of it than is meant.',
    fix: 'change the field by hand and seal the file',
  },
  KEY_UNREADABLE: {
    summary: 'The private key cannot be read.',
    fix: 'give a private key in PEM as `writ keygen` or cosign writes it, and its password where it has one',
  },
  CASES_INVALID: { summary: 'A cases file does not have the format that `writ test` reads.', fix: 'correct the field named' },
  DECISION_NOT_FOUND: {
    summary: 'The log has no decision of this id.',
    fix: 'check the id, and that the log is that of the replica that answered',
  },
} as const satisfies ProblemCodes;
