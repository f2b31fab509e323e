// SPDX-License-Identifier: Apache-2.0
// What the marks say of Tenants where a rule of the trust policy names the kind. A Tenant is in force as its object is there, so it
// is marked from there; and it has ended once its mark says that it may be deleted, no object of its name is there, and no
// inventory orders it, which would bring it back. Worked out anew at each look: nothing that happened has to have been seen.
import type { Inventory } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import { documentKey, endMarks, raiseMarks } from '../../policies/currency/index.ts';
import type { Marks } from '../../policies/currency/index.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { signatureOf } from '../../policies/sealed-shape.ts';
import { rememberTenants } from '../../policies/tenant-memory.ts';
import { TENANT_KIND, sealsTenants } from '../../policies/tenant-object.ts';
import type { TenantObject } from '../../policies/tenant-object.ts';
import type { EvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import type { TrustState } from './trust-policy.ts';

export type TenantMarksDeps = {
  readonly tenants: { list(): readonly TenantObject[] };
  readonly inventories: () => readonly Inventory[];
  readonly evidence?: EvidenceMemory | undefined;
};

export type TenantMarks = {
  /** What was verified in this term, with what stands now. */
  raise(own: Marks, trust: TrustState, atMs: number): Marks;
  /** With what has ended. */
  end(known: Marks, trust: TrustState): Marks;
  /** Marks of what has not ended and is not there in that version. */
  missing(known: Marks, trust: TrustState): readonly Mark[];
  /** Some have not been looked at yet. */
  isBehind(): boolean;
};

/** The guard verifies what is new in one write, and this process what is new in one look: neither may stand still for it. */
const VERIFIED_AT_ONCE = 25;

export const createTenantMarks = ({ tenants, inventories, evidence }: TenantMarksDeps): TenantMarks => {
  const memory = rememberTenants(evidence);
  const digests = new WeakMap<TenantObject, string | undefined>();
  let behind = false;

  const digestIn = (object: TenantObject): string | undefined => {
    if (!digests.has(object)) {
      const signature = signatureOf(object.signature);
      digests.set(object, signature === undefined ? undefined : digestOf(Buffer.from(signature.document)));
    }
    return digests.get(object);
  };
  const markOf = ({ metadata: { name } }: TenantObject, marks: Marks): Mark | undefined =>
    marks.get(documentKey({ kind: TENANT_KIND, name }));

  return {
    isBehind: () => behind,
    raise: (own, trust, atMs) => {
      behind = false;
      if (!trust.ok || !sealsTenants(trust.trust)) return own;
      let verified = 0;
      const documents = tenants.list().flatMap((object) => {
        const digest = digestIn(object);
        // What is marked as it is was verified before.
        if (digest === undefined || markOf(object, own)?.digest === digest) return [];
        if (!memory.knows(object, trust.trust, atMs)) verified += 1;
        if (verified > VERIFIED_AT_ONCE) {
          behind = true;
          return [];
        }
        const judged = memory.judge(object, trust.trust, atMs);
        return judged.ok ? [judged.document] : [];
      });
      return raiseMarks(own, documents);
    },
    end: (known, trust) => {
      if (!trust.ok || !sealsTenants(trust.trust)) return known;
      const open = [...known.values()].filter(({ kind, mayEnd, gone }) => kind === TENANT_KIND && mayEnd === true && gone !== true);
      if (open.length === 0) return known;
      const there = new Set(tenants.list().map(({ metadata: { name } }) => name));
      const ordered = new Set(inventories().flatMap(({ documents }) => documents.map(({ kind, name }) => documentKey({ kind, name }))));
      return endMarks(
        known,
        open.filter((mark) => !there.has(mark.name) && !ordered.has(documentKey(mark))),
      );
    },
    missing: (known, trust) => {
      if (behind || !trust.ok || !sealsTenants(trust.trust)) return [];
      const there = new Map(tenants.list().map((object) => [object.metadata.name, object]));
      return [...known.values()].filter((mark) => {
        const { kind, name, digest, mayEnd, gone } = mark;
        if (kind !== TENANT_KIND || gone === true) return false;
        const object = there.get(name);
        return object === undefined ? mayEnd !== true : digestIn(object) !== digest;
      });
    },
  };
};
