// SPDX-License-Identifier: Apache-2.0
// The next version of a document: spec.version one higher, spec.expires moved on, every other byte as it was.
import { parseDocument } from '../../policies/document/index.ts';
import { valueAt } from '../../policies/document/json.ts';
import { startOf } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import { isFor, readBundle } from '../../policies/trust/bundle.ts';
import { insertAfter, replaceScalar } from '../edit-document.ts';

/** Where nothing proves how long a document was meant to last. */
export const DEFAULT_TERM_DAYS = 90;
const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { d: DAY_MS, h: 3_600_000, m: 60_000 };
const TEN_YEARS_MS = 3653 * DAY_MS;

/** `90d`, `12h`, `30m` → milliseconds. */
export const readTerm = (text: string): number | undefined => {
  const [, count, unit] = /^([1-9][0-9]{0,6})([dhm])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit ?? ''] ?? Number.NaN);
  return ms <= TEN_YEARS_MS ? ms : undefined;
};

/** Whole seconds, as people write them. */
export const timeText = (ms: number): string => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');

export type BumpOptions = {
  readonly file: string;
  readonly bundles: readonly string[];
  /** From now; undefined = as long as before. */
  readonly termMs: number | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
};

export type Bumped = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly problems: readonly Problem[] };

const VERSION = ['spec', 'version'];
const EXPIRES = ['spec', 'expires'];

/** When it was sealed, by the first log entry that says so. A wrong one only moves the proposal: a person seals the result. */
const sealedAt = (bytes: Uint8Array, bundles: readonly string[]): number | undefined => {
  const times = bundles.flatMap((text) => {
    const read = readBundle(text);
    return read.ok && isFor(read.seal, bytes) ? read.seal.logEntries.flatMap(({ integratedMs }) => integratedMs ?? []) : [];
  });
  return times.length === 0 ? undefined : Math.min(...times);
};

const lastMoment = (bytes: Uint8Array, old: number, { bundles, termMs, now }: BumpOptions): number => {
  const since = sealedAt(bytes, bundles);
  const term = termMs ?? (since === undefined || old <= since ? DEFAULT_TERM_DAYS * DAY_MS : Math.min(old - since, TEN_YEARS_MS));
  // Whoever asks for a shorter term gets it; without asking, an end never comes nearer.
  return termMs === undefined ? Math.max(old, now + term) : now + term;
};

const impossible = (file: string, what: string): Bumped => ({
  ok: false,
  problems: [{ code: 'EDIT_IMPOSSIBLE', message: `${what} cannot be written where it stands`, at: startOf(file) }],
});

const moveExpiry = (
  text: string,
  { value, bytes, options }: { value: unknown; bytes: Uint8Array; options: BumpOptions },
): string | undefined => {
  const { termMs, now } = options;
  if (value === undefined)
    return termMs === undefined ? text : insertAfter(text, VERSION, { name: 'expires', value: timeText(now + termMs) });
  const old = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(old) ? undefined : replaceScalar(text, EXPIRES, timeText(lastMoment(bytes, old, options)));
};

/** Total. Whether the result is a good document is asked when it is read for sealing. */
export const bumpDocument = (bytes: Uint8Array, options: BumpOptions): Bumped => {
  const { file } = options;
  const parsed = parseDocument(bytes, file);
  if (!parsed.ok) return parsed;
  const { document } = parsed;
  const version = valueAt(document.value, VERSION);
  if (typeof version !== 'number' || !Number.isSafeInteger(version + 1)) {
    const at = { at: document.positionOf(['spec']), path: 'spec.version' } as const;
    const told =
      version === Number.MAX_SAFE_INTEGER
        ? {
            message: `the version is ${version}, the highest that there is`,
            hint: 'give the document another name: under this one none can follow',
          }
        : { message: version === undefined ? 'there is no version that could be raised' : 'the version is no number that can be raised' };
    return { ok: false, problems: [{ code: 'SEAL_VERSION', ...told, ...at }] };
  }
  const raised = replaceScalar(new TextDecoder().decode(bytes), VERSION, String(version + 1));
  if (raised === undefined) return impossible(file, 'spec.version');
  const moved = moveExpiry(raised, { value: valueAt(document.value, EXPIRES), bytes, options });
  return moved === undefined ? impossible(file, 'spec.expires') : { ok: true, bytes: new TextEncoder().encode(moved) };
};
