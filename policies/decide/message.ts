// SPDX-License-Identifier: Apache-2.0
// What a person is told: message expressions with their fallbacks, languages, and the line that a violation makes.
import { trimSpace } from '../cel/index.ts';
import type { CompiledValidation } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import { ownMap, ownText } from '../subject/paths.ts';
import type { Evaluated } from './limits.ts';
import type { Violation } from './decision.ts';
import type { AdmissionFacts } from './facts.ts';

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

const isLine = (text: string): boolean => text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= MESSAGE_MAX_BYTES;

/** What a messageExpression came to, as far as it can be told. */
export const messageOf = (result: Evaluated): string | undefined => {
  if (result.kind !== 'value' || typeof result.value !== 'string') return undefined;
  const text = trimSpace(result.value);
  return isLine(text) ? text : undefined;
};

/** messageExpression, else the message in the user's language, else the message, else the expression itself. */
export const breachMessage = (validation: CompiledValidation, evaluated: string | undefined, locale: string): string => {
  const text = trimSpace(evaluated ?? localised(validation.messages, locale) ?? validation.message ?? '');
  return text === '' ? `failed expression: ${trimSpace(validation.program.source)}` : text;
};

/** One line: policy, reason, text. */
export const violationLine = ({ policy, reason, message }: Pick<Violation, 'policy' | 'reason' | 'message'>): string =>
  `${policy} (${reason}): ${message.replaceAll(/\s*[\r\n]+\s*/g, ' ')}`;
