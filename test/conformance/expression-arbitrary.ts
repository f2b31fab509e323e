// SPDX-License-Identifier: Apache-2.0
// Expressions by the grammar and the functions of CEL as Kubernetes has it. Productions are typed, so that most
// expressions pass the type checker; arguments are often dynamic fields or values of a wrong type behind dyn(), so that
// many of them err when they run.
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { leaf } from './expression-tree.ts';
import type { Tree } from './expression-tree.ts';
import { grammarWithout } from './grammar.ts';
import { LEAVES } from './grammar-leaves.ts';
import type { Sort } from './grammar-leaves.ts';
import { ABSENT_FUNCTIONS } from './known-differences.ts';

const { sorts: SORTS, productions: PRODUCTIONS } = grammarWithout(ABSENT_FUNCTIONS);
const MAX_DEPTH = 4;

const FIELDS = [
  'i zero neg big max min d whole tiny huge s e u num up t f n l ls mixed el nested lm one em m ts dur re deep missing',
  "deep.a.b.c m.a m.b m.constructor m.__proto__ m.toString m.missing m['a.b/c-d'] m[''] l[0] l[5] ls[1] lm[0].name lm[1].v one.k n.x s.x",
]
  .join(' ')
  .split(' ')
  .map((path) => `self.${path}`);

const OBJECT_FIELDS = [
  'metadata.name metadata.labels metadata.labels.app metadata.annotations kind spec.replicas spec.containers spec.containers[0].image',
  "spec.template.spec.containers spec.nodeSelector spec.tolerations spec.missing.deep metadata.labels['app'] spec.serviceAccountName",
  'spec.containers[0].securityContext.runAsUser metadata.creationTimestamp spec.template.spec.containers[0].securityContext.privileged',
]
  .join(' ')
  .split(' ')
  .map((path) => `object.${path}`);

const dynamic: Arbitrary<Tree> = fc.oneof(
  { arbitrary: fc.constantFrom(...FIELDS).map(leaf), weight: 6 },
  { arbitrary: fc.constantFrom(...OBJECT_FIELDS).map(leaf), weight: 2 },
  { arbitrary: fc.constantFrom(...FIELDS).map((field) => ({ text: '@', children: [leaf(field)] })), weight: 4 },
);

type Knot = Readonly<Record<Sort | `${Sort}?`, Tree>>;

const { expression } = fc.letrec<Knot & { expression: Tree }>((tie) => {
  const strictly = (sort: Sort): Arbitrary<Tree> =>
    fc.oneof(
      { maxDepth: MAX_DEPTH, depthIdentifier: 'expression' },
      { arbitrary: fc.constantFrom(...LEAVES[sort]).map(leaf), weight: 4 },
      ...PRODUCTIONS.filter((production) => production.gives === sort).map(({ text, takes, weight }) => ({
        arbitrary: fc.tuple(...takes.map((taken) => tie(taken))).map((children): Tree => ({ text, children })),
        weight: weight ?? 1,
      })),
    );
  const loosely = (sort: Sort): Arbitrary<Tree> =>
    fc.oneof(
      { arbitrary: tie(sort), weight: 13 },
      { arbitrary: dynamic, weight: 6 },
      {
        arbitrary: fc
          .constantFrom(...SORTS)
          .chain((wrong) => tie(wrong))
          .map((tree): Tree => ({ text: 'dyn($0)', children: [tree] })),
        weight: 1,
      },
    );
  const sorts = SORTS.flatMap((sort) => [[sort, strictly(sort)] as const, [`${sort}?`, loosely(sort)] as const]);
  return {
    ...(Object.fromEntries(sorts) as { [K in keyof Knot]: Arbitrary<Tree> }),
    expression: fc.oneof({ arbitrary: tie('bool'), weight: 4 }, ...SORTS.map((sort) => ({ arbitrary: tie(sort), weight: 1 }))),
  };
});

export const arbitraryExpression = (): Arbitrary<Tree> => expression;
