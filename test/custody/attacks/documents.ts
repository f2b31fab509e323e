// SPDX-License-Identifier: Apache-2.0
// Attacks on what a sealed document stands for: other bytes, another name or kind, an older order, two readings of one text.
import type { Mark } from '../../../crds/marks.ts';
import { digestOf } from '../../../policies/document/digest.ts';
import { seal } from '../../../policies/trust/seal.ts';
import { NOW, POLICY, bytes, good, objectOf, pairs, sealed, trustOf } from './gate.ts';
import type { Attack, Control } from './gate.ts';

const markOf = (version: number, digest: string): Mark => ({ kind: 'Policy', name: 'pinned', version, digest });
const DIGEST = digestOf(bytes);
const OTHER = digestOf(Buffer.from('other'));

const edited = (what: string, from: string, to: string, code: Attack['code'] = 'SEAL_DIGEST_MISMATCH'): Attack => ({
  name: `edit: ${what}`,
  code,
  attempt: () => ({ object: objectOf(POLICY.replace(from, to), [good]) }),
});

/** Sealed well, by someone who may: still one text that two parsers read differently. */
const ambiguous = (what: string, line: string, code: Attack['code'] = 'DOCUMENT_AMBIGUOUS'): Attack => ({
  name: `two readings: ${what}`,
  code,
  attempt: () => ({ object: sealed(`${POLICY}${line}\n`) }),
});

export const documentAttacks: readonly Attack[] = [
  edited('a weaker rule under the old seal', '"true"', '"1==1"'),
  edited('a later end under the old seal', '2027-03-01', '2037-03-01'),
  edited('a higher version under the old seal', 'version: 3', 'version: 4'),
  edited('a blank at the end of a line', 'kind: Policy', 'kind: Policy '),
  edited('CRLF in place of LF', 'kind: Policy\n', 'kind: Policy\r\n', 'DOCUMENT_ENCODING'),
  edited('a composed character', 'version: 3', 'version: 3 # \u00e9'),
  {
    name: 'edit: the document is gone, spec stays',
    code: 'POLICY_UNSIGNED',
    attempt: () => ({ object: { metadata: { name: 'pinned' } } }),
  },
  { name: 'edit: the document is empty', code: 'SEAL_DIGEST_MISMATCH', attempt: () => ({ object: objectOf('', [good]) }) },
  {
    name: 'rename: a sealed document under another name',
    code: 'POLICY_NAME_MISMATCH',
    attempt: () => ({ object: objectOf(POLICY, [good], 'other') }),
  },
  {
    name: 'rename: under a name of Object',
    code: 'POLICY_NAME_MISMATCH',
    attempt: () => ({ object: objectOf(POLICY, [good], 'constructor') }),
  },
  {
    name: 'other kind: a sealed Tenant as a Policy',
    code: 'POLICY_NAME_MISMATCH',
    attempt: () => ({
      object: sealed('apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: pinned}\nspec: {version: 1}\n'),
      trust: trustOf({ rules: [{ kinds: ['Policy', 'Tenant'], allOf: [{ threshold: 1, principals: ['alice'] }] }] }),
    }),
  },
  {
    name: 'other kind: signers of Tenants seal a Policy',
    code: 'SEAL_NO_RULE',
    attempt: () => ({
      object: sealed(POLICY),
      trust: trustOf({ rules: [{ kinds: ['Tenant'], allOf: [{ threshold: 1, principals: ['alice'] }] }] }),
    }),
  },
  {
    name: 'rollback: an older sealed version',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({ object: sealed(POLICY), mark: markOf(4, OTHER) }),
  },
  {
    name: 'rollback: version 1 after a restore of a backup',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({ object: sealed(POLICY.replace('version: 3', 'version: 1')), mark: markOf(3, DIGEST) }),
  },
  {
    name: 'equivocation: another sealed document of the same version',
    code: 'POLICY_EQUIVOCATION',
    attempt: () => ({ object: sealed(`${POLICY}# note\n`), mark: markOf(3, DIGEST) }),
  },
  {
    name: 'no version: cannot be ordered',
    code: 'SEAL_VERSION',
    attempt: () => ({ object: sealed(POLICY.replace('  version: 3\n', '')) }),
  },
  { name: 'expired: past its own end', code: 'POLICY_EXPIRED', attempt: () => ({ object: sealed(POLICY), atMs: Date.UTC(2027, 2, 1) }) },
  {
    name: 'revoked: the document by its digest',
    code: 'SEAL_REVOKED',
    attempt: () => ({ object: sealed(POLICY), trust: trustOf({ documents: [DIGEST] }) }),
  },
  {
    name: 'expired: the trust policy',
    code: 'TRUST_EXPIRED',
    attempt: () => ({ object: sealed(POLICY), trust: trustOf({ more: { expires: '2026-05-01T00:00:00Z' } }) }),
  },
  ambiguous('yes, true in YAML 1.1 and a text in 1.2', '  title: yes'),
  ambiguous('off', '  title: off'),
  ambiguous('an octal', '  title: 010'),
  ambiguous('base 60', '  title: 1:30'),
  ambiguous('a key twice', '  version: 9', 'DOCUMENT_DUPLICATE_KEY'),
  ambiguous('an anchor', '  title: &a x', 'DOCUMENT_FORBIDDEN'),
  ambiguous('a tag', '  title: !!binary aGk=', 'DOCUMENT_FORBIDDEN'),
  ambiguous('a second document', '---\nkind: Policy', 'DOCUMENT_COUNT'),
  ambiguous('a number that is rounded', '  failurePolicy: 9007199254740993', 'DOCUMENT_NUMBER'),
  { name: 'two readings: a byte order mark', code: 'DOCUMENT_ENCODING', attempt: () => ({ object: sealed(`\ufeff${POLICY}`) }) },
  {
    name: 'two readings: CR in sealed bytes',
    code: 'DOCUMENT_ENCODING',
    attempt: () => ({ object: sealed(POLICY.replaceAll('\n', '\r\n')) }),
  },
  {
    name: 'hidden: a field that no schema knows',
    code: 'DOCUMENT_UNKNOWN_FIELD',
    attempt: () => ({ object: sealed(`${POLICY}  enforcment: Deny\n`) }),
  },
  { name: 'hidden: 97 KiB', code: 'DOCUMENT_TOO_LARGE', attempt: () => ({ object: sealed(`${POLICY}#${'x'.repeat(97 * 1024)}`) }) },
];

export const documentControls: readonly Control[] = [
  { name: 'a sealed policy', attempt: () => ({ object: sealed(POLICY) }) },
  { name: 'the same version and digest as the mark', attempt: () => ({ object: sealed(POLICY), mark: markOf(3, DIGEST) }) },
  { name: 'a higher version than the mark', attempt: () => ({ object: sealed(POLICY), mark: markOf(2, OTHER) }) },
  {
    name: 'a mark of another policy',
    attempt: () => ({ object: sealed(POLICY), mark: { ...markOf(9, OTHER), name: 'other' } }),
  },
  { name: 'a millisecond before its end', attempt: () => ({ object: sealed(POLICY), atMs: Date.UTC(2027, 2, 1) - 1 }) },
  { name: 'a quoted word that would be ambiguous', attempt: () => ({ object: sealed(`${POLICY}  title: "yes"\n`) }) },
  {
    name: 'an object with labels that nobody signed',
    attempt: () => ({ object: { ...sealed(POLICY), metadata: { name: 'pinned', labels: { a: 'b' } } }, atMs: NOW }),
  },
  { name: 'by the second key of its principal', attempt: () => ({ object: objectOf(POLICY, [seal(bytes, pairs.alice2.privateKey)]) }) },
];
