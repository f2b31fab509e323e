// SPDX-License-Identifier: Apache-2.0
// A Policy without any seal, where the trust policy says `unsigned: Audit`: for those who begin, so that they see what sealing
// would enforce. It notes and refuses nothing, whatever it asks for. One with a seal that does not count is refused as ever:
// somebody meant it to count.
import { createHash } from 'node:crypto';
import type { Policy } from '../../crds/generated/objects.ts';
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { digestOf } from '../document/digest.ts';
import { parseDocumentInSteps } from '../document/index.ts';
import type { ParsedDocument } from '../document/index.ts';
import { validateDocument } from '../document/validate.ts';
import { startOf } from '../problem.ts';
import type { Problem } from '../problem.ts';
import { isPast } from './trust.ts';
import type { Trust } from './trust.ts';

export type UnsignedInput = { readonly bytes: Uint8Array; readonly file: string };

export type UnsignedOutcome =
  | {
      readonly ok: true;
      /** With its enforcement capped. */
      readonly policy: Policy;
      /** As it was read. */
      readonly original: Policy;
      readonly parsed: ParsedDocument;
      readonly digest: string;
      /** 0 where it says none. */
      readonly version: number;
      /** Epoch milliseconds, the last moment; undefined = never. */
      readonly expires: number | undefined;
    }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

/** Never more than a note. */
const capToAudit = (policy: Policy): Policy => ({ ...policy, spec: { ...policy.spec, enforcement: 'Audit' } });

/** What it is compiled under: without a seal it means something else than with one. */
export const unsignedDigest = (digest: string): string => `sha256:${createHash('sha256').update(`unsigned\n${digest}`).digest('hex')}`;

/** Undefined: the trust policy lets nothing unsigned take part, or it is no Policy. `at`: now, epoch milliseconds. Total. */
export const readUnsignedInSteps = function* (
  { bytes, file }: UnsignedInput,
  trust: Trust,
  at: number,
): Steps<UnsignedOutcome | undefined> {
  if (trust.unsigned !== 'Audit') return undefined;
  if (isPast(trust.expires, at)) {
    const message = `the trust policy ${trust.digest} has expired`;
    return { ok: false, problems: [{ code: 'TRUST_EXPIRED', message, at: startOf(file) }] };
  }
  const parsed = yield* parseDocumentInSteps(bytes, file);
  const valid = parsed.ok ? validateDocument(parsed.document) : parsed;
  if (!parsed.ok || !valid.ok) {
    const [first = { code: 'DOCUMENT_SYNTAX', message: 'it cannot be read', at: startOf(file) }, ...others] = valid.ok
      ? []
      : valid.problems;
    return { ok: false, problems: [first, ...others] };
  }
  if (valid.kind !== 'Policy') return undefined;
  const { version = 0, expires } = valid.object.spec;
  return {
    ok: true,
    policy: capToAudit(valid.object),
    original: valid.object,
    parsed: parsed.document,
    digest: digestOf(bytes),
    version,
    expires: expires === undefined ? undefined : Date.parse(expires),
  };
};

export const readUnsigned = atOnce(readUnsignedInSteps);
