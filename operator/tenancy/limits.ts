// SPDX-License-Identifier: Apache-2.0
// Defaults and bounds of single objects: one LimitRange in every namespace, stated as the API server completes it, so that what it
// filled in is not taken for somebody's change.
import type { TenantLimitRange } from '../../crds/generated/objects.ts';
import { limitRanges } from '../../crds/kinds.ts';
import type { Problem } from '../../policies/problem.ts';
import { UNIT, nanosOfQuantity } from '../../policies/quota/quantity.ts';
import { ownedBy } from './child.ts';
import type { Declared } from './child.ts';

type Place = { readonly tenant: string; readonly namespace: string };
type Quantities = Readonly<Record<string, string>>;

const texts = (quantities: Readonly<Record<string, string | number>> | undefined): Quantities =>
  Object.fromEntries(Object.entries(quantities ?? {}).map(([name, quantity]) => [name, String(quantity)]));

const given = (field: string, quantities: Quantities) => (Object.keys(quantities).length === 0 ? {} : { [field]: quantities });

/** With the defaults that the API server adds for containers (SetDefaults_LimitRangeItem): the limit from max, the request from the limit, else from min. */
const completed = (range: TenantLimitRange) => {
  const [min, max] = [texts(range.min), texts(range.max)];
  const isContainer = range.type === 'Container';
  const limit = isContainer ? { ...max, ...texts(range.default) } : texts(range.default);
  const request = isContainer ? { ...min, ...limit, ...texts(range.defaultRequest) } : texts(range.defaultRequest);
  return {
    type: range.type,
    ...given('default', limit),
    ...given('defaultRequest', request),
    ...given('min', min),
    ...given('max', max),
    ...given('maxLimitRequestRatio', texts(range.maxLimitRequestRatio)),
  };
};

export const limitRangesIn = (place: Place, ranges: readonly TenantLimitRange[] = []): readonly Declared[] =>
  ranges.length === 0
    ? []
    : [
        {
          resource: limitRanges,
          path: 'spec.limitRanges',
          object: {
            metadata: ownedBy(place.tenant, { name: 'writ-limits', namespace: place.namespace }),
            spec: { limits: ranges.map(completed) },
          },
        },
      ];

const FIELDS = ['min', 'defaultRequest', 'default', 'max', 'maxLimitRequestRatio'] as const;
type Field = (typeof FIELDS)[number];

/** Each is at most the one after it. */
const RISING: readonly (readonly [lower: Field, upper: Field])[] = [
  ['min', 'defaultRequest'],
  ['min', 'default'],
  ['min', 'max'],
  ['defaultRequest', 'default'],
  ['defaultRequest', 'max'],
  ['default', 'max'],
];

const rangeProblems = (range: TenantLimitRange, path: string): readonly Problem[] => {
  const problem = (field: string, message: string): Problem => ({ code: 'LIMITS_INVALID', message, path: `${path}.${field}` });
  const amountOf = (field: Field, name: string): bigint | undefined => {
    const quantities = range[field];
    return quantities !== undefined && Object.hasOwn(quantities, name) ? nanosOfQuantity(quantities[name]) : undefined;
  };
  const unreadable = FIELDS.flatMap((field) =>
    Object.entries(range[field] ?? {}).flatMap(([name, quantity]) =>
      nanosOfQuantity(quantity) === undefined ? [problem(field, `${name}: ${JSON.stringify(quantity)} is no quantity`)] : [],
    ),
  );
  const crossed = RISING.flatMap(([lower, upper]) =>
    Object.keys(range[lower] ?? {}).flatMap((name) => {
      const [least, most] = [amountOf(lower, name), amountOf(upper, name)];
      return least !== undefined && most !== undefined && least > most ? [problem(lower, `${name} is more than ${upper} has`)] : [];
    }),
  );
  const misplaced =
    range.type === 'Container'
      ? []
      : (['default', 'defaultRequest'] as const).flatMap((field) =>
          Object.keys(range[field] ?? {}).length === 0 ? [] : [problem(field, `a ${range.type} has no defaults, only containers have`)],
        );
  const ratios = Object.keys(range.maxLimitRequestRatio ?? {}).flatMap((name) => {
    const ratio = amountOf('maxLimitRequestRatio', name);
    return ratio !== undefined && ratio < UNIT ? [problem('maxLimitRequestRatio', `${name}: no limit is below its request`)] : [];
  });
  const isUnbounded = range.type === 'PersistentVolumeClaim' && !Object.hasOwn({ ...range.min, ...range.max }, 'storage');
  const unbounded = isUnbounded ? [problem('max', 'a PersistentVolumeClaim is bounded by min or max of storage')] : [];
  return [...unreadable, ...crossed, ...misplaced, ...ratios, ...unbounded];
};

export const limitProblems = (ranges: readonly TenantLimitRange[] = []): readonly Problem[] =>
  ranges.flatMap((range, index): readonly Problem[] => {
    const path = `spec.limitRanges[${index}]`;
    const isSecond = ranges.findIndex(({ type }) => type === range.type) < index;
    const twice: readonly Problem[] = isSecond
      ? [{ code: 'LIMITS_INVALID', message: `${range.type} is bounded twice`, path: `${path}.type` }]
      : [];
    return [...twice, ...rangeProblems(range, path)];
  });
