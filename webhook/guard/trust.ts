// SPDX-License-Identifier: Apache-2.0
// The TrustPolicy: believed for its own bytes, as every process of Writ believes it. It is never taken away, never replaced
// by an older one, and what it relies on is not stripped from it.
import { TRUST_POLICY_NAME } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { sealedObjectOf } from './sealed.ts';
import { specProblem } from './spec.ts';
import type { GuardView } from './view.ts';

type Json = Readonly<Record<string, unknown>>;
export type TrustChange = { readonly name: string; readonly before: Json | undefined; readonly after: Json | undefined };

const FILE = 'trust.yaml';

const rootOf = (object: Json | undefined): string | undefined => sealedObjectOf(TRUST_POLICY_NAME, object).signature?.trustedRoot;

export const ruleTrust = ({ name, before, after }: TrustChange, { trust, pinnedTrustDigest }: GuardView): Ruling => {
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
  const bytes = Buffer.from(signature.document);
  const root = signature.trustedRoot === undefined ? undefined : Buffer.from(signature.trustedRoot);
  const loaded = loadTrust(bytes, { pinnedDigest: pinnedTrustDigest, file: FILE, trustedRoot: root });
  if (!loaded.ok) return refuse(loaded.problem, 'trust');
  if (trust !== undefined && loaded.trust.version < trust.version) {
    const message = `version ${loaded.trust.version} is older than version ${trust.version}, which is in force`;
    return refuse({ code: 'TRUST_ROLLBACK', message, path: 'spec.version' });
  }
  if (!loaded.trust.root.ok && (trust?.digest === loaded.trust.digest ? trust.root.ok : rootOf(before) !== undefined)) {
    return refuse({ ...loaded.trust.root.problem, path: 'signature.trustedRoot' });
  }
  const parsed = parseDocument(bytes, FILE);
  const spec: unknown = parsed.ok && isRecord(parsed.document.value) ? parsed.document.value['spec'] : undefined;
  const differs = specProblem('TrustPolicy', spec, after['spec']);
  return differs === undefined ? pass : refuse(differs);
};
