// SPDX-License-Identifier: Apache-2.0
// The TrustPolicy: believed as every process of Writ believes it, at the pinned digest or by the chain of sealed versions from
// it. It is never taken away, only a version that comes from the one in force takes its place, and what it relies on is not
// stripped from it.
import { TRUST_POLICY_NAME } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import { documentKey } from '../../policies/currency/index.ts';
import { parseDocument } from '../../policies/document/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { belowMark } from '../../policies/trust/follow.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { loadTrustObject } from '../../policies/trust/load.ts';
import { refuseSwap } from '../../policies/trust/succession.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { sealedObjectOf } from './sealed.ts';
import { specProblem } from './spec.ts';
import type { GuardView } from './view.ts';

type Json = Readonly<Record<string, unknown>>;
export type TrustChange = { readonly name: string; readonly before: Json | undefined; readonly after: Json | undefined };

const FILE = 'trust.yaml';
const MARK = documentKey({ kind: 'TrustPolicy', name: TRUST_POLICY_NAME });

const rootOf = (object: Json | undefined): string | undefined => sealedObjectOf(TRUST_POLICY_NAME, object).signature?.trustedRoot;

/** A replica that holds none yet goes by what others have seen. */
const swapProblem = (next: Trust, { trust, told }: GuardView): Problem | undefined => {
  const problem = trust === undefined ? belowMark(next, told().get(MARK)) : refuseSwap(trust, next);
  return problem?.code === 'TRUST_ROLLBACK' ? { ...problem, path: 'spec.version' } : problem;
};

/** Without the root that it pins, no keyless seal would count. */
const rootProblem = (next: Trust, before: Json | undefined, trust: Trust | undefined): Problem | undefined => {
  if (next.root.ok) return undefined;
  const isLost = trust?.digest === next.digest ? trust.root.ok : rootOf(before) !== undefined;
  return isLost ? { ...next.root.problem, path: 'signature.trustedRoot' } : undefined;
};

export const ruleTrust = ({ name, before, after }: TrustChange, view: GuardView): Ruling => {
  const { trust, pinnedTrustDigest, evidence, atMs } = view;
  if (name !== TRUST_POLICY_NAME) {
    // Nothing ever reads another.
    return after === undefined
      ? pass
      : refuse({ code: 'TRUST_INVALID', message: `the one TrustPolicy is named ${TRUST_POLICY_NAME}`, path: 'metadata.name' });
  }
  if (after === undefined)
    return refuse({ code: 'TRUST_KEPT', message: `TrustPolicy ${TRUST_POLICY_NAME} is what every seal is judged by` });
  const { signature } = sealedObjectOf(name, after);
  if (signature === undefined) {
    const message = `TrustPolicy ${TRUST_POLICY_NAME} has no signature.document`;
    return refuse({ code: 'TRUST_MISSING', message, path: 'signature.document' });
  }
  const loaded = loadTrustObject(signature, { pinnedDigest: pinnedTrustDigest, at: atMs, evidence });
  if (!loaded.ok) return refuse(loaded.problem, 'trust');
  const swapped = swapProblem(loaded.trust, view);
  if (swapped !== undefined) return refuse(swapped);
  const parsed = parseDocument(Buffer.from(signature.document), FILE);
  const spec: unknown = parsed.ok && isRecord(parsed.document.value) ? parsed.document.value['spec'] : undefined;
  const isRooted = isRecord(spec) && spec['trustedRootSha256'] !== undefined;
  const stripped = isRooted ? rootProblem(loaded.trust, before, trust) : undefined;
  if (stripped !== undefined) return refuse(stripped);
  const differs = specProblem('TrustPolicy', spec, after['spec']);
  return differs === undefined ? pass : refuse(differs);
};
