// SPDX-License-Identifier: Apache-2.0
// `GET /v1/usage/TENANT/events?…` → what is asked for, or why that cannot be answered. Total: who asks is a stranger. A cursor is the
// place after which the next page begins; it holds nothing that its owner may not see, and is worth nothing for another tenant.
import { timeOf } from '../../crds/wire.ts';
import { TENANT } from './event.ts';
import { TIME, isTextField } from './wire-schema.ts';
import type { Schema } from './wire-schema.ts';

export const detailKinds = ['events', 'hours', 'statements'] as const;
export type DetailKind = (typeof detailKinds)[number];

/** After the event `id` of `source`. Events that were stored from `beforeMs` on are in none of the pages. */
export type EventPlace = { readonly beforeMs: number; readonly source: string; readonly id: string };
export type HourPlace = { readonly meter: string; readonly hourMs: number };
export type StatementPlace = { readonly periodMs: number; readonly revision: number };

type Asked = { readonly tenant: string; readonly limit: number };
/** By time of use: from `fromMs` on and before `toMs`. */
type Filter = { readonly meter: string | undefined; readonly fromMs: number; readonly toMs: number };

export type EventsQuery = Asked & Filter & { readonly source: string | undefined; readonly after: EventPlace | undefined };
export type HoursQuery = Asked & Filter & { readonly after: HourPlace | undefined };
export type StatementsQuery = Asked & { readonly after: StatementPlace | undefined };

export type DetailQuery =
  | ({ readonly what: 'events' } & EventsQuery)
  | ({ readonly what: 'hours' } & HoursQuery)
  | ({ readonly what: 'statements' } & StatementsQuery);

export type QueryRead =
  | { readonly kind: 'query'; readonly query: DetailQuery }
  /** There is nothing under this path. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly message: string; readonly path: string };

export const DETAIL_PATH = '/v1/usage/';
const MAX_LIMIT = 1000;
export const EVER = { fromMs: 0, toMs: Date.UTC(10_000, 0) } as const;
const DEFAULT_LIMIT = 100;
const MAX_URL = 4096;
const MAX_TEXT = 256;

const PATH = /^\/v1\/usage\/([^/]*)\/([^/]*)$/;
const TEXT: Schema = { type: 'string', minLength: 1, maxLength: MAX_TEXT };
const PARAMETER = {
  meter: { schema: TEXT, about: 'Only of this meter.' },
  source: { schema: TEXT, about: 'Only of this source.' },
  from: { schema: TIME, about: 'Used from this moment on.' },
  to: { schema: TIME, about: 'Used before this moment.' },
  limit: {
    schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
    about: 'How many items a page has at most; one with a filter may have fewer, or none, and a next all the same.',
  },
  cursor: { schema: { type: 'string', minLength: 1 }, about: '`next` of the page before, as it is.' },
} as const satisfies Readonly<Record<string, { readonly schema: Schema; readonly about: string }>>;
type Parameter = keyof typeof PARAMETER;

export const parameterOf = (name: Parameter): { readonly schema: Schema; readonly about: string } => PARAMETER[name];

export const PARAMETERS: Readonly<Record<DetailKind, readonly Parameter[]>> = {
  events: ['meter', 'source', 'from', 'to', 'limit', 'cursor'],
  hours: ['meter', 'from', 'to', 'limit', 'cursor'],
  statements: ['limit', 'cursor'],
};
const isParameterOf = (what: DetailKind, name: string): boolean => PARAMETERS[what].some((one) => one === name);

type Place = EventPlace | HourPlace | StatementPlace;

export const cursorOf = (what: DetailKind, place: Place): string =>
  Buffer.from(JSON.stringify([what, ...Object.values(place)])).toString('base64url');

/** What a cursor holds after the word that says what it is of. */
const cursorFields = (what: DetailKind, text: string): readonly unknown[] | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(value) && value[0] === what ? value.slice(1) : undefined;
  } catch {
    return undefined;
  }
};

const isMs = (value: unknown): value is number => Number.isSafeInteger(value);
const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_TEXT && !value.includes('\0');

const placeOfEvent = ([beforeMs, source, id, ...rest]: readonly unknown[]): EventPlace | undefined =>
  isMs(beforeMs) && isName(source) && isName(id) && rest.length === 0 ? { beforeMs, source, id } : undefined;
const placeOfHour = ([meter, hourMs, ...rest]: readonly unknown[]): HourPlace | undefined =>
  isName(meter) && isMs(hourMs) && rest.length === 0 ? { meter, hourMs } : undefined;
const placeOfStatement = ([periodMs, revision, ...rest]: readonly unknown[]): StatementPlace | undefined =>
  isMs(periodMs) && isMs(revision) && rest.length === 0 ? { periodMs, revision } : undefined;

const urlOf = (text: string): URL | undefined =>
  (text.length <= MAX_URL && text.startsWith('/') ? URL.parse(text, 'http://ledger') : null) ?? undefined;

export const readQuery = (target: string): QueryRead => {
  const url = urlOf(target);
  const [, tenant, kind] = PATH.exec(url?.pathname ?? '') ?? [];
  const what = detailKinds.find((one) => one === kind);
  if (url === undefined || !isTextField(TENANT, tenant) || what === undefined) return { kind: 'nothing' };
  const refused = (path: string, message: string): QueryRead => ({ kind: 'refused', path, message: `${path} ${message}` });
  const given = [...url.searchParams];
  const names = given.map(([name]) => name);
  const strange = names.find((name, index) => !isParameterOf(what, name) || names.indexOf(name) !== index);
  if (strange !== undefined) {
    return refused(isParameterOf(what, strange) ? strange : 'query', `takes ${PARAMETERS[what].join(', ')}, each once`);
  }
  const text = (name: Parameter): string | undefined => given.find(([one]) => one === name)?.[1];
  const limitText = text('limit') ?? String(DEFAULT_LIMIT);
  const limit = /^[1-9]\d{0,3}$/.test(limitText) ? Number(limitText) : 0;
  if (limit < 1 || limit > MAX_LIMIT) return refused('limit', `is a whole number from 1 to ${MAX_LIMIT}`);
  for (const name of ['meter', 'source'] as const) {
    const value = text(name);
    if (value !== undefined && (value === '' || !isName(value))) return refused(name, `is a text of 1 to ${MAX_TEXT} characters`);
  }
  const [from, to] = [text('from'), text('to')];
  const [fromMs, toMs] = [from === undefined ? EVER.fromMs : timeOf(from), to === undefined ? EVER.toMs : timeOf(to)];
  if (fromMs === undefined) return refused('from', 'is no RFC 3339 time');
  if (toMs === undefined) return refused('to', 'is no RFC 3339 time');
  if (fromMs > toMs) return refused('from', 'is after `to`');
  const cursor = text('cursor');
  const fields = cursor === undefined ? [] : (cursorFields(what, cursor) ?? []);
  const common = { tenant, limit, meter: text('meter'), fromMs, toMs };
  const query: DetailQuery =
    what === 'events'
      ? { what, ...common, source: text('source'), after: placeOfEvent(fields) }
      : what === 'hours'
        ? { what, ...common, after: placeOfHour(fields) }
        : { what, tenant, limit, after: placeOfStatement(fields) };
  return cursor !== undefined && query.after === undefined ? refused('cursor', `is none of ${what}`) : { kind: 'query', query };
};
