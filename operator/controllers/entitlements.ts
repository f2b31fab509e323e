// SPDX-License-Identifier: Apache-2.0
/**
 * What tenants are held to, as the operator knows it: the catalog and the licenses that verify, and of each the last good one
 * where its object is gone or damaged. Nothing is widened by a loss: a document leaves by a seal, which its mark then says.
 *
 * In: the live objects, what the book says of them, the marks, which installation this is. Out: the state that
 * `policies/entitlement` asks, or `missing`: a catalog was in force and nobody here has seen it, so that a leader that has just
 * begun leaves tenants as they are. Looked at when something of that changes, not for each tenant.
 */
import { INSTALLATION_NAMESPACE, TIER_CATALOG_NAME } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { checkMark, documentKey } from '../../policies/currency/index.ts';
import type { Marks } from '../../policies/currency/index.ts';
import type { EntitlementState } from '../../policies/entitlement/remembered.ts';
import { entitlementState } from '../../policies/entitlement/state.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';
import type { LiveEntitlement } from './live.ts';
import type { PolicyBook } from './policy-book.ts';

export type KnownEntitlements = { readonly ok: true; readonly state: EntitlementState } | { readonly ok: false; readonly problem: Problem };

export type EntitlementHolder = {
  /** As of the last look; undefined before the first. */
  current(): KnownEntitlements | undefined;
  /** Whether anything is another than before. */
  look(): boolean;
};

export type EntitlementHolderDeps = {
  readonly objects: { list(): readonly LiveEntitlement[] };
  readonly namespaces: { get(name: string): KubeObject | undefined };
  readonly book: Pick<PolicyBook, 'judge'>;
  readonly marks: () => Marks;
};

const CATALOG = documentKey({ kind: 'TierCatalog', name: TIER_CATALOG_NAME });

const fingerprint = (documents: readonly PolicyDocument[], installation: string | undefined): string =>
  JSON.stringify([
    installation,
    documents.map(({ kind, name, digest, expiresMs, graceMs, withdrawn }) => [kind, name, digest, expiresMs, graceMs, withdrawn?.code]),
  ]);

export const createEntitlementHolder = ({ objects, namespaces, book, marks }: EntitlementHolderDeps): EntitlementHolder => {
  let standing: ReadonlyMap<string, PolicyDocument> = new Map();
  let current: KnownEntitlements | undefined;
  let seen = '';

  const standNow = (known: Marks): ReadonlyMap<string, PolicyDocument> => {
    const next = new Map([...standing].filter(([key]) => known.get(key)?.gone !== true));
    for (const object of objects.list()) {
      const judged = book.judge(object);
      if (!judged.ok) continue;
      const { document } = judged;
      const key = documentKey(document);
      // An older order than one that was in force is none.
      if (checkMark(known.get(key), document) === undefined) next.set(key, document);
    }
    return next;
  };

  return {
    current: () => current,
    look: () => {
      const known = marks();
      standing = standNow(known);
      const documents = [...standing.values()].toSorted((a, b) => (documentKey(a) < documentKey(b) ? -1 : 1));
      const installation = namespaces.get(INSTALLATION_NAMESPACE)?.metadata.uid;
      const mark = known.get(CATALOG);
      const isMissing = mark !== undefined && mark.gone !== true && !standing.has(CATALOG);
      const now = `${isMissing} ${fingerprint(documents, installation)}`;
      if (now === seen) return false;
      seen = now;
      current = isMissing
        ? {
            ok: false,
            problem: { code: 'CATALOG_MISSING', message: `version ${mark.version} of the TierCatalog was in force and is not here` },
          }
        : { ok: true, state: entitlementState(documents, installation) };
      return true;
    },
  };
};
