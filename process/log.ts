// SPDX-License-Identifier: Apache-2.0
// One JSON object a line. What must not be in a log is taken out in two ways: fields of a telling name (authorization, token,
// password, private key) wherever they stand, and telling text (bearer tokens, PEM keys, passwords in URLs) in any string,
// because secrets travel in error messages more often than in fields.
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, LogFn, Logger } from 'pino';

export type Log = Logger;

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

const REDACTED = '[redacted]';
const SECRET_FIELD =
  /^(proxy-)?authorization$|^(.*[-_.])?(token|password|passwd|secret|cookie|api-?_?key|private-?_?key|identity|tls\.key)$|(token|password|secretKey|privateKey|apiKey|keyData|keyPem)$/i;
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[^]*?(-----END \1-----|$)/g, REDACTED],
  [/\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@]{1,512}@/gi, `$1${REDACTED}@`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, REDACTED],
];
const MAX_DEPTH = 8;
const MAX_ENTRIES = 200;

export const createLog = (options: {
  readonly name: string;
  readonly level?: LogLevel;
  /** Standard output when left out. */
  readonly destination?: DestinationStream;
}): Log => {
  const settings = {
    name: options.name,
    level: options.level ?? 'info',
    timestamp: stdTimeFunctions.isoTime,
    base: {},
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => redactedFields(fields, 0),
      bindings: (fields: Record<string, unknown>) => redactedFields(fields, 0),
    },
    // Errors are made plain by `redact`; pino's own serializer would print them again with their secrets.
    serializers: { err: (value: unknown) => value },
    hooks: {
      logMethod(this: Logger, args: readonly unknown[], method: LogFn) {
        Reflect.apply(method, this, cleanArguments(args));
      },
    },
  };
  const log = options.destination === undefined ? pino(settings) : pino(settings, options.destination);
  const { child } = Object.getPrototypeOf(log);
  // A child's bindings pass no formatter of its parent's; children inherit this method.
  Object.defineProperty(log, 'child', {
    value(this: Logger, bindings: object, ...rest: readonly unknown[]): unknown {
      return Reflect.apply(child, this, [redactedFields(bindings, 0), ...rest]);
    },
  });
  return log;
};

/** Message and values for it; the fields in front are cleaned by the formatters above. */
const cleanArguments = ([first, ...rest]: readonly unknown[]): unknown[] => {
  const cleaned = rest.map((value) => redact(value));
  if (first instanceof Error) return [{ err: redact(first) }, ...(cleaned.length === 0 ? [redactText(first.message)] : cleaned)];
  return [typeof first === 'string' ? redactText(first) : first, ...cleaned];
};

const redactText = (text: string): string => {
  let clean = text;
  for (const [secret, replacement] of SECRET_TEXT) clean = clean.replace(secret, replacement);
  return clean;
};

/** A copy without secrets, of bounded depth and width: what is logged may come from anywhere. */
const redact = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return redactedError(value, depth);
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => redact(item, depth + 1));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return redactedFields(value, depth);
};

const redactedFields = (fields: object, depth: number): Record<string, unknown> => {
  const entries = Object.entries(fields).slice(0, MAX_ENTRIES);
  // fromEntries defines properties: a field named __proto__ stays a field.
  return Object.fromEntries(
    entries.map(([name, value]) => [name, SECRET_FIELD.test(name) && value !== undefined ? REDACTED : redact(value, depth + 1)]),
  );
};

const redactedError = (error: Error, depth: number): Record<string, unknown> => ({
  type: error.name,
  message: redactText(error.message),
  ...redactedFields(error, depth),
  ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  stack: redactText(error.stack ?? ''),
});
