// SPDX-License-Identifier: Apache-2.0
// What a person is told: message expressions with their fallbacks, languages, and the line that a violation makes.
import type { Bindings } from '../cel/index.ts';
import type { CompiledValidation } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import { ownMap, ownText } from '../subject/paths.ts';
import { evaluate } from './limits.ts';
import type { Meter } from './limits.ts';
import type { AdmissionFacts, Violation } from './index.ts';

const MESSAGE_MAX_BYTES = 5 * 1024;
const LOCALE_KEY = 'writ.dev/locale';

/** The user's (an extra of the authenticated user, else an annotation of the object), else the tenant's. */
export const localeOf = (subject: Subject, facts: AdmissionFacts): string => {
  const { extra } = subject.request.userInfo;
  const ofUser = Object.hasOwn(extra, LOCALE_KEY) ? extra[LOCALE_KEY]?.[0] : undefined;
  const ofObject = ownText(ownMap(ownMap(subject.object ?? subject.oldObject, 'metadata'), 'annotations'), LOCALE_KEY);
  const spec = facts.tenant !== null && Object.hasOwn(facts.tenant, 'spec') ? facts.tenant['spec'] : undefined;
  const ofTenant =
    typeof spec === 'object' && spec !== null && !Array.isArray(spec)
      ? Object.entries(spec).find(([name]) => name === 'locale')?.[1]
      : undefined;
  return (ofUser ?? ofObject ?? (typeof ofTenant === 'string' ? ofTenant : '')).slice(0, 64).toLowerCase();
};

/** `pt-BR`, then `pt` (RFC 4647 lookup). */
const localised = (messages: ReadonlyMap<string, string>, locale: string): string | undefined => {
  for (let tag = locale; tag !== ''; tag = tag.slice(0, Math.max(0, tag.lastIndexOf('-')))) {
    const found = messages.get(tag);
    if (found !== undefined) return found;
  }
  return undefined;
};

const isLine = (text: string): boolean => text !== '' && !/[\r\n]/.test(text) && Buffer.byteLength(text) <= MESSAGE_MAX_BYTES;

type Speech = { readonly bindings: Bindings; readonly locale: string; readonly meter: Meter };

const evaluated = (validation: CompiledValidation, { bindings, meter }: Speech): string | undefined => {
  if (validation.messageExpression === undefined) return undefined;
  const result = evaluate(validation.messageExpression, { meter, bindings });
  if (result.kind !== 'value' || typeof result.value !== 'string') return undefined;
  const text = result.value.trim();
  return isLine(text) ? text : undefined;
};

/** messageExpression, else the message in the user's language, else the message, else the expression itself. */
export const breachMessage = (validation: CompiledValidation, speech: Speech): string => {
  const made = evaluated(validation, speech) ?? localised(validation.messages, speech.locale) ?? validation.message;
  const text = made?.trim() ?? '';
  return text === '' ? `failed expression: ${validation.program.source.trim()}` : text;
};

/** One line: policy, reason, text. */
export const violationLine = ({ policy, reason, message }: Pick<Violation, 'policy' | 'reason' | 'message'>): string =>
  `${policy} (${reason}): ${message.replaceAll(/\s*[\r\n]+\s*/g, ' ')}`;
