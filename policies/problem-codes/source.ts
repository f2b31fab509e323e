// SPDX-License-Identifier: Apache-2.0
// What keeps a commit from being fetched or read.
import type { ProblemCodes } from './entry.ts';

export const sourceCodes = {
  SOURCE_URL_REFUSED: {
    summary: 'The URL of the remote is not one that Writ will run git with.',
    fix: 'write an https:// or ssh:// URL without a credential in it',
  },
  SOURCE_REF_INVALID: { summary: 'The ref is not a name, range or commit id that git allows.', fix: 'correct spec.ref' },
  SOURCE_REF_NOT_FOUND: {
    summary: 'The remote has no such branch, tag or commit.',
    fix: 'push it again, or correct spec.ref; what was enforced stays enforced',
  },
  SOURCE_HISTORY_REWRITTEN: {
    summary: 'The branch does not contain the commit that was applied before: its history was rewritten, or it is another repository.',
    fix: 'push a commit that has the applied one among its ancestors, or set spec.history to Any until this commit is applied',
  },
  SOURCE_PATH_INVALID: {
    summary: 'The path is not a folder inside the repository.',
    fix: 'write spec.path relative to the root of the repository, without ".."',
  },
  SOURCE_PATH_NOT_FOUND: { summary: 'The commit has no folder of the name in spec.path.', fix: 'correct spec.path, or push the folder' },
  SOURCE_IGNORE_INVALID: { summary: 'The ignore patterns are too long to be meant.', fix: 'shorten spec.ignore' },
  SOURCE_CREDENTIAL_INVALID: {
    summary: 'The Secret does not hold a credential that fits the URL.',
    fix: 'set identity and known_hosts for ssh; username and password, or bearerToken, for https',
  },
  SOURCE_CREDENTIAL_REFUSED: {
    summary: 'The remote does not accept the credential, or asks for one.',
    fix: 'renew the Secret that spec.secretRef names and see that it may read this repository',
  },
  SOURCE_HOST_KEY: {
    summary: 'The host key of the ssh remote is not among the known ones.',
    fix: 'compare the key of the host with the one its owner publishes, then put it into known_hosts of the Secret',
  },
  SOURCE_TLS: {
    summary: 'No trusted TLS connection to the remote could be made.',
    fix: 'put the certificate authority of the remote into ca.crt of the Secret, and see that its certificate is in date and names the host',
  },
  SOURCE_UNREACHABLE: {
    summary: 'The remote cannot be reached.',
    fix: 'look at the host name, the network policy and the state of the remote; it is tried again',
  },
  SOURCE_REDIRECTED: {
    summary: 'The remote answers with a redirect, which is not followed.',
    fix: 'write the URL that the remote redirects to (often with .git at its end)',
  },
  SOURCE_NOT_FOUND: {
    summary: 'There is no repository at the URL, or the credential may not see it.',
    fix: 'correct spec.url, or grant the credential read access',
  },
  SOURCE_EMPTY: { summary: 'The repository has no commit.', fix: 'push the first commit' },
  SOURCE_TREE_EMPTY: {
    summary: 'The commit has no file under the path.',
    fix: 'push the files again, correct spec.path and spec.ignore, or set spec.prune.allowEmpty if that is meant',
  },
  SOURCE_TIMEOUT: {
    summary: 'The remote did not answer in time.',
    fix: 'raise spec.timeout, or look at the load of the remote; it is tried again',
  },
  SOURCE_CANCELLED: { summary: 'The fetch was ended before it was done.', fix: 'nothing: it is tried again' },
  SOURCE_TOO_MANY_FILES: {
    summary: 'The commit holds more files than the limit.',
    fix: 'point spec.path at the folder with the policies, or name the rest in spec.ignore',
  },
  SOURCE_TOO_MANY_REFS: {
    summary: 'The list of refs or files that the remote sends is longer than the limit.',
    fix: 'use a repository of its own for policies',
  },
  SOURCE_FILE_TOO_LARGE: { summary: 'A file is larger than the limit for a document.', fix: 'split the file, or name it in spec.ignore' },
  SOURCE_TOO_LARGE: {
    summary: 'The documents of the commit are together larger than the limit.',
    fix: 'split the repository into several GitSources',
  },
  SOURCE_REPOSITORY_TOO_LARGE: {
    summary: 'The repository does not fit into the space for its mirror.',
    fix: 'use a repository of its own for policies, or a server that supports partial clone',
  },
  SOURCE_PATH_HOSTILE: { summary: 'The tree holds a name that no file here may have.', fix: 'rename the file in the repository' },
  SOURCE_SYMLINK: { summary: 'The tree holds a symbolic link.', fix: 'commit the file itself, or name the link in spec.ignore' },
  SOURCE_SUBMODULE: { summary: 'The tree holds a submodule.', fix: 'commit the files themselves, or name the submodule in spec.ignore' },
  SOURCE_DISK_FULL: {
    summary: 'The disk under the mirror is full.',
    fix: 'give the cache folder of the operator more space; it is tried again',
  },
  SOURCE_GIT_MISSING: {
    summary: 'The program git could not be started.',
    fix: 'use the image of the operator, or install git 2.39 or newer',
  },
  SOURCE_FAILED: { summary: 'Git failed in a way that Writ does not know.', fix: 'read the message of git; it is tried again' },
  RECEIVER_NOT_FOUND: {
    summary: 'No push receiver is at this path, or the method is not POST.',
    fix: 'POST to the path in status.receiverPath of the GitSource',
  },
  RECEIVER_UNSIGNED: {
    summary: 'The delivery carries no signature or token.',
    fix: 'set the secret of the webhook at the forge to the token in the Secret of spec.receiver',
  },
  RECEIVER_SIGNATURE: {
    summary: 'The signature or token of the delivery is wrong.',
    fix: 'set the secret of the webhook at the forge to the token in the Secret of spec.receiver',
  },
  RECEIVER_TOO_LARGE: { summary: 'The delivery is larger than 25 MiB.', fix: 'send push events only' },
  RECEIVER_RATE: {
    summary: 'More deliveries arrive for this source than its allowance.',
    fix: 'wait as Retry-After says; the interval of the source finds the push all the same',
  },
  RECEIVER_UNAVAILABLE: {
    summary: 'The push was genuine and could not be passed on.',
    fix: 'send the delivery again; the interval of the source finds the push all the same',
  },
  RECEIVER_TOKEN: {
    summary: 'The token of the push receiver is too short to keep anyone out.',
    fix: 'make one with `openssl rand -hex 32` and put it under the key token of the Secret',
  },
} as const satisfies ProblemCodes;
