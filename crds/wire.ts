// SPDX-License-Identifier: Apache-2.0
// What the codecs of this folder share: the shape of a ConfigMap and checks of values that come from the cluster.
// Anyone who may write ConfigMaps in the system namespace can put anything there, so nothing here throws.

export type ConfigMap = {
  readonly apiVersion?: 'v1';
  readonly kind?: 'ConfigMap';
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly data?: Readonly<Record<string, string>>;
};

/** Own properties only ever matter: destructuring a missing `constructor` would find Object's. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= maxLength;

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
/** A DNS-1123 subdomain, which rules out `__proto__` as a key too. */
export const isName = (value: unknown): value is string => isText(value, 253) && NAME.test(value);

/** `NAMESPACE/NAME` of a GitSource. */
export const isSource = (value: unknown): value is string => {
  if (!isText(value, 317)) return false;
  const [namespace, name, ...rest] = value.split('/');
  return isName(namespace) && isName(name) && rest.length === 0;
};

const DIGEST = /^sha256:[0-9a-f]{64}$/;
export const isDigest = (value: unknown): value is string => typeof value === 'string' && DIGEST.test(value);

export const TIME_PATTERN = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const LEAST_DAYS = 28;
const daysOfMonth = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** Milliseconds since 1970 of RFC 3339 with a date that exists; undefined for anything else. */
export const timeOf = (value: unknown): number | undefined => {
  if (typeof value !== 'string' || !TIME_PATTERN.test(value)) return undefined;
  const atMs = Date.parse(value);
  if (Number.isNaN(atMs)) return undefined;
  // Date.parse takes 30 February for 2 March.
  const day = Number(value.slice(8, 10));
  return day > LEAST_DAYS && day > daysOfMonth(Number(value.slice(0, 4)), Number(value.slice(5, 7))) ? undefined : atMs;
};

export const isTime = (value: unknown): value is string => timeOf(value) !== undefined;

/** Nothing can be written into it any more, and this cannot be taken back: it has to be deleted and made anew. */
export const isImmutable = (configMap: unknown): boolean => isRecord(configMap) && configMap['immutable'] === true;

/** The JSON object under `data[key]` of something that should be a ConfigMap of our `format`. */
export const parseObject = (
  configMap: unknown,
  key: string,
  format: string,
): { readonly name: string; readonly value: Readonly<Record<string, unknown>> } | undefined => {
  if (!isRecord(configMap) || !isRecord(configMap['metadata']) || !isRecord(configMap['data'])) return undefined;
  const { name } = configMap['metadata'];
  const { format: written, [key]: text } = configMap['data'];
  if (!isName(name) || written !== format || typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? { name, value } : undefined;
  } catch {
    return undefined;
  }
};
