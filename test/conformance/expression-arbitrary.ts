// SPDX-License-Identifier: Apache-2.0
// Expressions by the grammar and the functions of CEL as Kubernetes has it. Productions are typed, so that most
// expressions pass the type checker; arguments are often dynamic fields or values of a wrong type behind dyn(), so that
// many of them err when they run, and sometimes of a wrong type or undeclared outright, so that the checker refuses them.
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { leaf } from './expression-tree.ts';
import type { Tree } from './expression-tree.ts';
import { ADDRESSES, LISTS, QUANTITIES, TEXTS } from './grammar-kubernetes.ts';
import { AGGREGATES, LOGIC, NUMBERS, OPTIONALS, TEXT, TIMES } from './grammar-standard.ts';
import { grammarOf, SORTS } from './grammar.ts';
import type { Sort } from './grammar.ts';

const COMPARED: readonly Sort[] = ['int', 'uint', 'double', 'string', 'bool', 'bytes', 'timestamp', 'duration'];
const EQUATED: readonly Sort[] = [
  ...COMPARED,
  ...(['ints', 'strings', 'list', 'map', 'optional', 'type', 'quantity', 'ip', 'cidr', 'url', 'semver'] as const),
];

const { leaves: LEAVES, productions: PRODUCTIONS } = grammarOf(
  LOGIC,
  NUMBERS,
  TEXT,
  TIMES,
  AGGREGATES,
  OPTIONALS,
  LISTS,
  TEXTS,
  QUANTITIES,
  ADDRESSES,
  ...COMPARED.flatMap((sort) => ['<', '<=', '>', '>='].map((operator) => `bool: ($0 ${operator} $1) <- ${sort}? ${sort}?`)),
  ...EQUATED.flatMap((sort) => ['==', '!='].map((operator) => `bool: ($0 ${operator} $1) <- ${sort}? ${sort}?`)),
  ...SORTS.map((sort) => `${sort}: ($0 ? $1 : $2) <- bool? ${sort} ${sort}`),
);
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

/** What no environment declares, besides what is declared. */
const UNDECLARED = [
  'nothing',
  'nothing.a',
  'self.nothing()',
  'nothing(1)',
  'math.abs(1)',
  "base64.encode(b'a')",
  'int.a',
  "'a'.b",
  '[1].a',
];

const dynamic: Arbitrary<Tree> = fc.oneof(
  { arbitrary: fc.constantFrom(...FIELDS).map(leaf), weight: 6 },
  { arbitrary: fc.constantFrom(...OBJECT_FIELDS).map(leaf), weight: 2 },
  { arbitrary: fc.constantFrom(...FIELDS).map((field) => ({ text: '@', children: [leaf(field)] })), weight: 4 },
);

type Knot = { readonly [sort: string]: Tree };

const { expression } = fc.letrec<Knot>((tie) => {
  const ofAnySort = fc.constantFrom(...SORTS).chain((sort) => tie(sort));
  const strictly = (sort: Sort): Arbitrary<Tree> =>
    fc.oneof(
      { maxDepth: MAX_DEPTH, depthIdentifier: 'expression' },
      { arbitrary: fc.constantFrom(...(LEAVES.get(sort) ?? [])).map(leaf), weight: 4 },
      ...PRODUCTIONS.filter((production) => production.gives === sort).map(({ text, takes, weight }) => ({
        arbitrary: fc
          .tuple(...takes.map((taken) => tie(taken.dynamic ? `${taken.sort}?` : `${taken.sort}!`)))
          .map((children): Tree => ({ text, children })),
        weight,
      })),
    );
  /** Now and then of a wrong type, or nothing that is declared. */
  const nearly = (sort: Sort): Arbitrary<Tree> =>
    fc.oneof(
      { arbitrary: tie(sort), weight: 60 },
      { arbitrary: ofAnySort, weight: 1 },
      { arbitrary: fc.constantFrom(...UNDECLARED).map(leaf), weight: 1 },
    );
  const loosely = (sort: Sort): Arbitrary<Tree> =>
    fc.oneof(
      { arbitrary: tie(`${sort}!`), weight: 13 },
      { arbitrary: dynamic, weight: 6 },
      { arbitrary: ofAnySort.map((tree): Tree => ({ text: 'dyn($0)', children: [tree] })), weight: 1 },
    );
  const sorts = SORTS.flatMap((sort) => [
    [sort, strictly(sort)] as const,
    [`${sort}!`, nearly(sort)] as const,
    [`${sort}?`, loosely(sort)] as const,
  ]);
  const roots = fc.oneof({ arbitrary: tie('bool'), weight: 6 }, ...SORTS.map((sort) => ({ arbitrary: tie(sort), weight: 1 })));
  return { ...Object.fromEntries(sorts), expression: roots };
});

export const arbitraryExpression = (): Arbitrary<Tree> => expression ?? fc.constant(leaf('true'));
