// SPDX-License-Identifier: Apache-2.0
// A document that may be sealed: what must be right before a seal may say that it was meant.
import { existsSync } from 'node:fs';
import { parseDocument } from '../../policies/document/index.ts';
import type { ParsedDocument } from '../../policies/document/index.ts';
import { validateDocument } from '../../policies/document/validate.ts';
import { readCatalog } from '../../policies/entitlement/catalog.ts';
import { readBook } from '../../policies/pricing/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { readRelease } from '../../policies/ruleset/index.ts';
import type { MemberFile } from '../../policies/ruleset/index.ts';
import { isFor, readBundle } from '../../policies/trust/bundle.ts';
import type { Seal } from '../../policies/trust/bundle.ts';
import { readCertificate } from '../../policies/trust/certificate.ts';
import { readBytes, readText } from '../files.ts';
import { UserError } from '../output.ts';
import { membersBeside } from '../ruleset-files.ts';
import { readSeals } from '../seal-files.ts';
import { bumpDocument } from './bump.ts';

export type Sealable = {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly document: ParsedDocument;
  /** Of a ruleset. */
  readonly members?: readonly MemberFile[];
  /** The file must be written before its seal. */
  readonly isChanged: boolean;
};

/** From now; `isBumped` asks for the next version. */
export type Renewal = { readonly isBumped: boolean; readonly termMs: number | undefined; readonly now: number };

export const readSealable = (file: string, { isBumped, termMs, now }: Renewal): Sealable | readonly Problem[] => {
  const old = readBytes(file);
  const bumped = isBumped ? bumpDocument(old, { file, bundles: readSeals(file), termMs, now }) : { ok: true as const, bytes: old };
  if (!bumped.ok) return bumped.problems;
  const { bytes } = bumped;
  const parsed = parseDocument(bytes, file);
  if (!parsed.ok) return parsed.problems;
  const { document } = parsed;
  const outcome = validateDocument(document);
  if (!outcome.ok) return outcome.problems;
  if (outcome.kind === 'GitSource')
    return [{ code: 'SEAL_KIND', message: 'a GitSource is not sealed', at: document.positionOf(['kind']), path: 'kind' }];
  if ((outcome.kind === 'Policy' || outcome.kind === 'Tenant') && outcome.object.spec.version === undefined) {
    return [
      { code: 'SEAL_VERSION', message: 'a sealed document needs a version', at: document.positionOf(['spec']), path: 'spec.version' },
    ];
  }
  if (outcome.kind === 'TierCatalog') {
    const catalog = readCatalog(outcome.object, document);
    if (!catalog.ok) return catalog.problems;
  }
  if (outcome.kind === 'PriceBook' && outcome.object.spec.retired !== true) {
    const prices = readBook(outcome.object, document);
    if (!prices.ok) return prices.problems;
  }
  if (outcome.kind !== 'Ruleset') return { file, bytes, document, isChanged: isBumped };
  // Its seal is theirs: whoever gives it means these very members.
  const members = membersBeside(file, outcome.object);
  const release = readRelease({ ruleset: outcome.object, parsed: document }, members);
  return release.ok ? { file, bytes, document, members, isChanged: isBumped } : release.problems;
};

/** Who made a seal, as far as it says so itself: two seals of one signer are the same, whatever their certificates. */
const signatoryOf = ({ signatory }: Seal): { readonly hint: string } | { readonly identity: string; readonly issuer: string } => {
  if (signatory.kind === 'key') return { hint: signatory.hint };
  const read = readCertificate(signatory.der);
  return read.ok ? { identity: read.certificate.subject, issuer: read.certificate.issuer } : { identity: '', issuer: '' };
};

/** Of a bundle that was just made. */
export const signatoryIn = (bundle: string): ReturnType<typeof signatoryOf> => {
  const read = readBundle(bundle);
  if (read.ok) return signatoryOf(read.seal);
  throw new UserError([{ ...read.problem, hint: 'seal fewer documents in one set' }]);
};

const isSame = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Another signer's good seal of these bytes must not be lost by mistake. */
export const refuseToReplace = (path: string, sealables: readonly Sealable[], bundle: string): void => {
  if (!existsSync(path)) return;
  const read = readBundle(readText(path));
  if (!read.ok || isSame(signatoryOf(read.seal), signatoryIn(bundle)) || !sealables.every(({ bytes }) => isFor(read.seal, bytes))) return;
  const who = read.seal.signatory.kind === 'key' ? 'another key' : 'another identity';
  throw new UserError([
    { code: 'FILE_EXISTS', message: `${path}: it is the seal of ${who}`, hint: 'add yours beside it with --signer NAME' },
  ]);
};

/** Seals beside the file that are for its bytes, by others than this one. */
export const otherSeals = ({ file, bytes }: Sealable, own: string | undefined): readonly string[] =>
  readSeals(file).filter((text) => {
    const read = readBundle(text);
    if (!read.ok || !isFor(read.seal, bytes)) return false;
    return own === undefined || !isSame(signatoryOf(read.seal), signatoryIn(own));
  });
