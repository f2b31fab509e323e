// SPDX-License-Identifier: Apache-2.0
// What the signed bytes say that they are: kind, name, version and expiry stand inside the seal, so that an order cannot
// be renamed, brought back or kept beyond its time.
import { validateDocument } from '../document/validate.ts';
import type { ParsedDocument } from '../document/index.ts';
import type { Problem } from '../problem.ts';
import type { SignedDocument } from './signed-document.ts';

export type BindingOutcome =
  | {
      readonly ok: true;
      readonly document: SignedDocument;
      /** As trust rules name it. */ readonly ruleKind: string;
      readonly tier: string | undefined;
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const NO_VERSION: Omit<Problem, 'at'> = { code: 'SEAL_VERSION', message: 'a sealed document needs a version', path: 'spec.version' };

/** Validates the parsed bytes and reads off what they bind. */
export const bind = (parsed: ParsedDocument): BindingOutcome => {
  const outcome = validateDocument(parsed);
  if (!outcome.ok) return outcome;
  if (outcome.kind === 'TrustPolicy' || outcome.kind === 'GitSource') {
    const message =
      outcome.kind === 'TrustPolicy'
        ? 'a TrustPolicy is trusted by its pinned digest, or by the version before it'
        : 'a GitSource is not sealed';
    return { ok: false, problems: [{ code: 'SEAL_KIND', message, at: parsed.positionOf(['kind']), path: 'kind' }] };
  }
  const { digest } = parsed;
  const { name } = outcome.object.metadata;
  const { version } = outcome.object.spec;
  // Without one an older seal could be put in the place of a newer one.
  if (version === undefined) return { ok: false, problems: [{ ...NO_VERSION, at: parsed.positionOf(['spec']) }] };
  if (outcome.kind === 'Tenant') {
    return {
      ok: true,
      document: { ...outcome, digest, parsed, name, version, expires: undefined },
      ruleKind: outcome.kind,
      tier: undefined,
    };
  }
  const { expires: expiry } = outcome.object.spec;
  const expires = expiry === undefined ? undefined : Date.parse(expiry);
  const tier = outcome.kind === 'Ruleset' ? outcome.object.spec.publisher?.tier : undefined;
  // Whoever may write policies may not thereby suspend them.
  const ruleKind = outcome.kind === 'Policy' && outcome.object.spec.breakGlass !== undefined ? 'BreakGlass' : outcome.kind;
  return { ok: true, document: { ...outcome, digest, parsed, name, version, expires }, ruleKind, tier };
};
