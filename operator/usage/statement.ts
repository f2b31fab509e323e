// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant used in one period: the only thing that billing reads of the ledger. A statement is a pure function of the
 * events that lie within both of its bounds, event time in `period` and storage before `storedBefore`, so that made again it has
 * the same bytes.
 */
import { hash } from 'node:crypto';
import { sameBytes } from './outcome.ts';
import type { UsagePeriod } from './period.ts';
import { AMOUNT_PATTERN } from './quantity.ts';
import { StoreError, bytesOf, textOf } from './store.ts';
import type { Row } from './store.ts';
import { TIME, objectSchema } from './wire-schema.ts';

export type UsageLine = {
  readonly meter: string;
  readonly unit: string;
  /** Decimal, no exponent, no trailing zeros, at most six digits after the point; may be negative in a line that is carried. */
  readonly quantity: string;
  /** Set where it was used in an earlier period that had been closed before it was heard of. */
  readonly carriedFrom?: UsagePeriod;
};

export type UsageStatement = {
  readonly tenant: string;
  readonly period: UsagePeriod;
  /** Events that the ledger stored at or after this moment are not in it. RFC 3339 UTC to the millisecond. */
  readonly storedBefore: string;
  /** 1 for the first; one that is made after it for the same period counts on. */
  readonly revision: number;
  /** Sorted by carriedFrom (none first), then meter; a meter that was not used has no line. */
  readonly lines: readonly UsageLine[];
};

const PERIOD_SCHEMA = objectSchema({ start: TIME, end: TIME });
export const STATEMENT_SCHEMA = objectSchema({
  tenant: { type: 'string' },
  period: PERIOD_SCHEMA,
  storedBefore: { ...TIME, description: 'Events that were stored at or after this moment are not in it.' },
  revision: { type: 'integer', minimum: 1 },
  lines: {
    type: 'array',
    items: objectSchema(
      {
        meter: { type: 'string' },
        unit: { type: 'string', description: 'As UCUM has it.' },
        quantity: { type: 'string', pattern: AMOUNT_PATTERN },
        carriedFrom: {
          ...PERIOD_SCHEMA,
          description: 'Where it was used in an earlier period that had been closed before it was heard of.',
        },
      },
      ['carriedFrom'],
    ),
  },
});

/** The bytes of a statement: keys in the order above, no blanks, one line feed at the end. */
export const statementText = (statement: UsageStatement): string => {
  const period = ({ start, end }: UsagePeriod): UsagePeriod => ({ start, end });
  const { tenant, storedBefore, revision } = statement;
  const lines = statement.lines.map(({ meter, unit, quantity, carriedFrom }) => ({
    meter,
    unit,
    quantity,
    ...(carriedFrom === undefined ? {} : { carriedFrom: period(carriedFrom) }),
  }));
  return `${JSON.stringify({ tenant, period: period(statement.period), storedBefore, revision, lines })}\n`;
};

/** The JSON of a row of usage_statement, by `body` and `digest`. Throws StoreError where it is not what was stored. */
export const storedStatement = (row: Row): unknown => {
  const body = textOf(row, 'body');
  const damaged = (): StoreError => new StoreError('corrupt', 'a closed statement is not what was stored');
  if (!sameBytes(hash('sha256', body, 'buffer'), bytesOf(row, 'digest'))) throw damaged();
  try {
    return JSON.parse(body);
  } catch {
    throw damaged();
  }
};
