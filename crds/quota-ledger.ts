// SPDX-License-Identifier: Apache-2.0
/**
 * The quota ledger: what a tenant's objects ask for in all of its namespaces together, settled and reserved.
 *
 * A ConfigMap `writ-quota-TENANT` in the system namespace. The operator alone writes `settled`, what it has counted of live
 * objects, and takes reservations out; a webhook replica adds reservations. Both write by `replace` with the
 * resourceVersion that they read, so that of two who take the last of something one is told. What is taken is the sum of
 * both. Decoding is total: whatever is in the cluster, the answer is a ledger or `undefined`, and who gets `undefined`
 * admits nothing.
 */
import { MANAGED_BY, MANAGED_BY_LABEL, QUOTA_LEDGER_LABEL, SYSTEM_NAMESPACE, TENANT_LABEL } from './kinds.ts';
import { isName, isRecord, isText, isTime, parseObject } from './wire.ts';
import type { ConfigMap } from './wire.ts';

/** By the name that a ResourceQuota gives a resource: how much, in billionths of its unit. Never negative. */
export type Amounts = ReadonlyMap<string, bigint>;

/** What an object was let in for, until the operator has counted the object itself. */
export type QuotaReservation = {
  /** uid of the object that it is for. */
  readonly uid: string;
  /** RFC 3339: when it was made. */
  readonly at: string;
  /** Where the object is to be found; `name` as it was generated. */
  readonly ref: { readonly group: string; readonly plural: string; readonly namespace: string; readonly name: string };
  /** What is reserved: all that a new object asks for, or what an object asks for beyond what it had. */
  readonly amounts: Amounts;
  /** Only of an object that was there and asks for more: all that it asks for then. It is counted once the object shows that. */
  readonly raisedTo?: Amounts;
};

export type QuotaLedger = {
  readonly tenant: string;
  /**
   * RFC 3339: what was under way before there was a ledger has come by then, or never will. Nothing is admitted while it stands here:
   * it is in neither sum. The operator takes it away with what it counts after that time.
   */
  readonly opensAt?: string;
  /** Of every resource that is counted, none of it included; of one that is not named nobody knows how much there is. */
  readonly settled: Amounts;
  readonly reservations: readonly QuotaReservation[];
};

export type QuotaLedgerObject = ConfigMap & {
  readonly metadata: ConfigMap['metadata'] & { readonly resourceVersion?: string; readonly uid?: string };
};

/** After this a reservation whose object is not there is dropped: the longest that the API server takes to store what was admitted is well below. */
export const RESERVATION_LASTS_MS = 30_000;

/** One ConfigMap holds at most 1 MiB; this bounds the text with room for the object around it. */
const QUOTA_LEDGER_TEXT_MAX_BYTES = 1_000_000;
const FORMAT = '1';
const KEY = 'ledger.json';
const RESOURCES_MAX = 2048;
const NANO_DIGITS = 9;

export const quotaLedgerName = (tenant: string): string => `writ-quota-${tenant}`;

/** As a plain decimal number, so that people can read it: `1.5`, `68719476736`. */
const decimalOf = (nanos: bigint): string => {
  const digits = nanos.toString().padStart(NANO_DIGITS + 1, '0');
  const fraction = digits.slice(-NANO_DIGITS).replace(/0+$/, '');
  return `${digits.slice(0, -NANO_DIGITS)}${fraction === '' ? '' : `.${fraction}`}`;
};

const DECIMAL = /^(\d{1,40})(?:\.(\d{1,9}))?$/;

const nanosOf = (text: unknown): bigint | undefined => {
  const [, whole, fraction = ''] = (typeof text === 'string' ? DECIMAL.exec(text) : null) ?? [];
  return whole === undefined ? undefined : BigInt(whole + fraction.padEnd(NANO_DIGITS, '0'));
};

const encodeAmounts = (amounts: Amounts): Readonly<Record<string, string>> =>
  Object.fromEntries([...amounts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, nanos]) => [name, decimalOf(nanos)]));

const decodeAmounts = (value: unknown): Amounts | undefined => {
  if (!isRecord(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > RESOURCES_MAX) return undefined;
  const amounts = new Map<string, bigint>();
  for (const [name, text] of entries) {
    const nanos = nanosOf(text);
    if (nanos === undefined || !isText(name, 317)) return undefined;
    amounts.set(name, nanos);
  }
  return amounts;
};

const encodeReservation = ({ uid, at, ref, amounts, raisedTo }: QuotaReservation): string => {
  const { group, plural, namespace, name } = ref;
  const more = raisedTo === undefined ? {} : { raisedTo: encodeAmounts(raisedTo) };
  return JSON.stringify({ uid, at, ref: { group, plural, namespace, name }, amounts: encodeAmounts(amounts), ...more });
};

const decodeReservation = (value: unknown): QuotaReservation | undefined => {
  if (!isRecord(value) || !isRecord(value['ref'])) return undefined;
  const { uid, at } = value;
  const { group, plural, namespace, name } = value['ref'];
  if (!isText(uid, 128) || !isTime(at) || !isName(plural) || !isName(namespace)) return undefined;
  if (typeof group !== 'string' || (group !== '' && !isName(group)) || !isText(name, 253)) return undefined;
  const amounts = decodeAmounts(value['amounts']);
  const raisedTo = value['raisedTo'] === undefined ? undefined : decodeAmounts(value['raisedTo']);
  if (amounts === undefined || (raisedTo === undefined && value['raisedTo'] !== undefined)) return undefined;
  return { uid, at, ref: { group, plural, namespace, name }, amounts, ...(raisedTo === undefined ? {} : { raisedTo }) };
};

/** One line a reservation, oldest first as they were added. */
const textOf = ({ tenant, opensAt, settled, reservations }: QuotaLedger): string => {
  const head = JSON.stringify({ tenant, ...(opensAt === undefined ? {} : { opensAt }), settled: encodeAmounts(settled) });
  const lines = reservations.map(encodeReservation);
  return `${head.slice(0, -1)},"reservations":[${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n`}]}\n`;
};

export const encodeQuotaLedger = (ledger: QuotaLedger, namespace: string = SYSTEM_NAMESPACE): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: quotaLedgerName(ledger.tenant),
    namespace,
    labels: { [QUOTA_LEDGER_LABEL]: 'true', [TENANT_LABEL]: ledger.tenant, [MANAGED_BY_LABEL]: MANAGED_BY },
  },
  data: { format: FORMAT, [KEY]: textOf(ledger) },
});

/** Whether the encoded form fits into a ConfigMap; some thousand reservations do. */
export const quotaLedgerFits = (ledger: QuotaLedger): boolean => Buffer.byteLength(textOf(ledger)) <= QUOTA_LEDGER_TEXT_MAX_BYTES;

/** The ledger in a ConfigMap, or `undefined` for anything that `encodeQuotaLedger` could not have written. */
export const decodeQuotaLedger = (configMap: unknown): QuotaLedger | undefined => {
  const held = parseObject(configMap, KEY, FORMAT);
  if (held === undefined) return undefined;
  const { tenant, opensAt, reservations: listed } = held.value;
  if (!isName(tenant) || held.name !== quotaLedgerName(tenant) || !Array.isArray(listed)) return undefined;
  if (opensAt !== undefined && !isTime(opensAt)) return undefined;
  const settled = decodeAmounts(held.value['settled']);
  if (settled === undefined) return undefined;
  const reservations: QuotaReservation[] = [];
  for (const entry of listed) {
    const reservation = decodeReservation(entry);
    if (reservation === undefined) return undefined;
    reservations.push(reservation);
  }
  return { tenant, ...(opensAt === undefined ? {} : { opensAt }), settled, reservations };
};

/** What is taken of each resource: settled and reserved together. */
export const takenOf = ({ settled, reservations }: Pick<QuotaLedger, 'settled' | 'reservations'>): Amounts => {
  const taken = new Map(settled);
  for (const { amounts } of reservations) for (const [name, nanos] of amounts) taken.set(name, (taken.get(name) ?? 0n) + nanos);
  return taken;
};
