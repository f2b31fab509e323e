// SPDX-License-Identifier: Apache-2.0
// What has to be done about a tenant's objects so that they are as declared. Pure. Where a namespace is not the tenant's any more, what
// grants goes; what bounds stays until another tenant has the namespace.
import { roleBindings } from '../../crds/kinds.ts';
import { standingOf } from './comparison.ts';
import { childKey } from './child.ts';
import type { ChildObject, Declared, LiveChild } from './child.ts';

export type Step =
  | { readonly kind: 'apply'; readonly declared: Declared }
  | { readonly kind: 'replace'; readonly declared: Declared; readonly resourceVersion: string | undefined }
  /** What cannot be changed is otherwise: away with it and made anew. */
  | { readonly kind: 'recreate'; readonly declared: Declared; readonly live: ChildObject }
  | { readonly kind: 'delete'; readonly live: LiveChild };

export const stepFor = (declared: Declared, live: ChildObject | undefined): Step | undefined => {
  if (live === undefined) return { kind: 'apply', declared };
  switch (standingOf(declared.resource, declared.object, live)) {
    case 'same':
      return undefined;
    case 'changed':
      // What is changed may be extended too; then the next look replaces it.
      return { kind: 'apply', declared };
    case 'extended':
      return { kind: 'replace', declared, resourceVersion: live.metadata.resourceVersion };
    case 'another':
      return { kind: 'recreate', declared, live };
  }
};

/** Whose a namespace is, as seen from the tenant. */
export type Hold =
  | 'held'
  | 'released'
  /** Another tenant's, and bounded by that one. */
  | 'foreign'
  /** Another tenant's, which has not bounded it yet. */
  | 'handed over'
  | 'gone';

/** Objects of the tenant that nothing declares any more and that are to go. */
export const leftovers = (input: {
  readonly live: readonly LiveChild[];
  readonly declared: ReadonlySet<string>;
  readonly holdOf: (namespace: string) => Hold;
}): readonly Step[] =>
  input.live.flatMap((child): readonly Step[] => {
    const { resource, object } = child;
    const { name, namespace, deletionTimestamp } = object.metadata;
    // The labels alone could be anybody's: what does not have a name of ours is none of ours.
    if (input.declared.has(childKey(resource, object)) || deletionTimestamp !== undefined || !name.startsWith('writ-')) return [];
    const hold = namespace === undefined ? 'held' : input.holdOf(namespace);
    const goes = hold === 'held' || hold === 'foreign' || (hold === 'released' && resource.plural === roleBindings.plural);
    return goes ? [{ kind: 'delete', live: child }] : [];
  });
