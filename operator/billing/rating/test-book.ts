// SPDX-License-Identifier: Apache-2.0
// Test data: the shipped price book, changed as a test asks for.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { parseDocument } from '../../../policies/document/index.ts';
import { validateDocument } from '../../../policies/document/validate.ts';
import { readBook } from '../../../policies/pricing/index.ts';
import type { Book, BookOutcome } from '../../../policies/pricing/index.ts';

const shipped = readFileSync(new URL('../../../deploy/examples/prices.yaml', import.meta.url), 'utf8');

export const bookFrom = (change: (text: string) => string = (text) => text): BookOutcome => {
  const parsed = parseDocument(Buffer.from(change(shipped)), 'prices.yaml');
  if (!parsed.ok) return parsed;
  const fitted = validateDocument(parsed.document);
  if (!fitted.ok) return fitted;
  if (fitted.kind !== 'PriceBook') throw new Error('not a price book');
  return readBook(fitted.object, parsed.document);
};

export const testBook = (change?: (text: string) => string): Book => {
  const outcome = bookFrom(change);
  if (!outcome.ok) throw new Error(outcome.problems.map(({ message }) => message).join('; '));
  return outcome.book;
};
