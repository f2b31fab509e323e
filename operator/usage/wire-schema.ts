// SPDX-License-Identifier: Apache-2.0
// Schemas of what goes over the wire, small enough to lie beside what checks or makes it; `openapi.ts` makes one document of them.
import { TIME_PATTERN } from '../../crds/wire.ts';

/** Of JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export type Schema = Readonly<Record<string, unknown>>;

/** A text that is taken, by one table for the check and for whoever wants to know. */
export type TextField = { readonly maxLength: number; readonly pattern: RegExp; readonly about: string };

export const isTextField = ({ maxLength, pattern }: TextField, value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= maxLength && pattern.test(value);

export const textSchema = ({ maxLength, pattern, about }: TextField): Schema => ({
  type: 'string',
  minLength: 1,
  maxLength,
  pattern: pattern.source,
  description: about,
});

/** All of these and nothing else. */
export const objectSchema = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
  additionalProperties: false,
});

export const TIME: Schema = { type: 'string', format: 'date-time', pattern: TIME_PATTERN.source };
export const WHOLE: Schema = { type: 'integer', minimum: 0 };
