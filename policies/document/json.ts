// SPDX-License-Identifier: Apache-2.0
// JSON as a parsed document holds it. Keys are hostile (`constructor`, `toString`): read them with `own`.

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue | undefined };
export type JsonPath = readonly (string | number)[];

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An own property, never an inherited one. */
export const own = (object: JsonObject, key: string): JsonValue | undefined => (Object.hasOwn(object, key) ? object[key] : undefined);

/** The value at a path, or undefined where the path leaves the document. */
export const valueAt = (root: JsonValue, path: JsonPath): JsonValue | undefined => {
  let value: JsonValue | undefined = root;
  for (const step of path) {
    if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined;
    else if (isJsonObject(value)) value = own(value, String(step));
    else return undefined;
  }
  return value;
};

const PLAIN_STEP = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `spec.validations[0].message`, keys that are no plain words in brackets and quotes. */
export const formatPath = (path: JsonPath): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!PLAIN_STEP.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
