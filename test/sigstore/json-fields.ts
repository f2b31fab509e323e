// SPDX-License-Identifier: Apache-2.0
// Fields of a bundle or of a trusted root, for tests that change them: what is not there fails by its name.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { Json } from './index.ts';

/** A field that is an object and is there, through lists too. */
export const inside = (value: Json, ...path: readonly (string | number)[]): Json =>
  path.reduce<Json>((at, step) => {
    const next = at[String(step)];
    assert.ok(typeof next === 'object', `there is no ${path.join('.')}`);
    return next;
  }, value);

export const MATERIAL = 'verificationMaterial';
export const entryOf = (bundle: Json): Json => inside(bundle, MATERIAL, 'tlogEntries', 0);

export const textAt = (value: Json, field: string): string => {
  const text: unknown = value[field];
  assert.ok(typeof text === 'string', `${field} is no text`);
  return text;
};

export const bytesAt = (value: Json, field: string): Buffer => Buffer.from(textAt(value, field), 'base64');
