// SPDX-License-Identifier: Apache-2.0
// A span of time as a person gives it, in the spelling of entries, which is in the order of time.
import { isTime } from '../../crds/wire.ts';
import { UsageError } from '../output.ts';

export type SpanOptions = { readonly from?: string; readonly to?: string };
export type Span = { readonly from: string | undefined; readonly to: string | undefined };

const DATE = /^\d{4}-\d{2}-\d{2}$/;

const timeOf = (option: string, text: string | undefined): string | undefined => {
  if (text === undefined) return undefined;
  const time = DATE.test(text) ? `${text}T00:00:00Z` : text;
  const isGood: boolean = isTime(time);
  if (!isGood) throw new UsageError(`${option} ${text}: write a time such as 2026-11-01T00:00:00Z, or a date such as 2026-11-01`);
  return new Date(time).toISOString();
};

export const timeSpan = (options: SpanOptions): Span => {
  const [from, to] = [timeOf('--from', options.from), timeOf('--to', options.to)];
  if (from !== undefined && to !== undefined && from >= to) throw new UsageError(`--from ${options.from}: it is not before --to`);
  return { from, to };
};
