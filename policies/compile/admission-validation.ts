// SPDX-License-Identifier: Apache-2.0
/**
 * What the API server finds wrong with a ValidatingAdmissionPolicy or its binding when somebody creates it, besides
 * expressions that do not compile: the same checks, in the same words, so that what passes here is stored there.
 *
 * In: the document's JSON. Out: one finding for each field that is wrong. A value of another JSON type than the API has is the
 * schema's to refuse.
 */
import { isIdentifier } from '../cel/index.ts';
import { nameRules } from '../cel/values/name-rules.ts';
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import type { FieldPath } from './expression.ts';
import { at, forbidden, invalid, listAt, notSupported, objectsAt, repeated, required, textAt, textsAt } from './field-finding.ts';
import type { FieldFinding } from './field-finding.ts';
import { matchResources, selector } from './match-validation.ts';

const isBlank = (text: string): boolean => text.trim() === '';

const matchConditions = (spec: JsonObject): readonly FieldFinding[] => {
  const path: FieldPath = ['spec', 'matchConditions'];
  const conditions = objectsAt(spec, 'matchConditions');
  return [
    ...(conditions.length > 64 ? [{ path, message: `Too many: ${conditions.length}: must have at most 64 items` }] : []),
    ...conditions.flatMap(([index, one]) => {
      const name = textAt(one, 'name');
      const names =
        name === ''
          ? [required([...path, index, 'name'])]
          : nameRules.qualifiedName(name).map((problem) => invalid([...path, index, 'name'], name, problem));
      return [...(isBlank(textAt(one, 'expression')) ? [required([...path, index, 'expression'])] : []), ...names];
    }),
    ...repeated(
      conditions.map(([, one]) => textAt(one, 'name')),
      (index) => [...path, index, 'name'],
    ),
  ];
};

const variables = (spec: JsonObject): readonly FieldFinding[] =>
  objectsAt(spec, 'variables').flatMap(([index, one]) => {
    const path: FieldPath = ['spec', 'variables', index];
    const name = textAt(one, 'name');
    const names = isBlank(name)
      ? [required([...path, 'name'], 'name is not specified')]
      : isIdentifier(name)
        ? []
        : [invalid([...path, 'name'], name, 'must be a valid CEL identifier')];
    return [...names, ...(isBlank(textAt(one, 'expression')) ? [required([...path, 'expression'], 'expression is not specified')] : [])];
  });

export const VALIDATION_REASONS: readonly string[] = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

const validations = (spec: JsonObject): readonly FieldFinding[] =>
  objectsAt(spec, 'validations').flatMap(([index, one]) => {
    const path: FieldPath = ['spec', 'validations', index];
    const [message, messageExpression, reason] = [textAt(one, 'message'), textAt(one, 'messageExpression'), at(one, 'reason')];
    return [
      ...(isBlank(textAt(one, 'expression')) ? [required([...path, 'expression'], 'expression is not specified')] : []),
      ...(messageExpression !== '' && isBlank(messageExpression)
        ? [invalid([...path, 'messageExpression'], messageExpression, 'must be non-empty if specified')]
        : []),
      ...(message !== '' && isBlank(message) ? [invalid([...path, 'message'], message, 'must be non-empty if specified')] : []),
      ...(/[\r\n]/.test(message.trim()) ? [invalid([...path, 'message'], message, 'must not contain line breaks')] : []),
      ...(typeof reason === 'string' ? notSupported([...path, 'reason'], reason, VALIDATION_REASONS) : []),
    ];
  });

const MAX_ANNOTATION_EXPRESSION = 5 * 1024;

const auditAnnotations = (spec: JsonObject, policy: string): readonly FieldFinding[] => {
  const path: FieldPath = ['spec', 'auditAnnotations'];
  const annotations = objectsAt(spec, 'auditAnnotations');
  return [
    ...(annotations.length > 20 ? [invalid(path, own(spec, 'auditAnnotations'), 'must not have more than 20 auditAnnotations')] : []),
    ...annotations.flatMap(([index, one]) => {
      const [key, source] = [`${policy}/${textAt(one, 'key')}`, textAt(one, 'valueExpression').trim()];
      const value: FieldPath = [...path, index, 'valueExpression'];
      return [
        ...nameRules.qualifiedName(key).map((problem) => invalid([...path, index, 'key'], key, problem)),
        ...(source === '' ? [required(value, 'valueExpression is not specified')] : []),
        ...(Buffer.byteLength(source) > MAX_ANNOTATION_EXPRESSION
          ? [required(value, `must not exceed ${MAX_ANNOTATION_EXPRESSION} bytes in length`)]
          : []),
      ];
    }),
    ...repeated(
      annotations.map(([, one]) => textAt(one, 'key')),
      (index) => [...path, index, 'key'],
    ),
  ];
};

const named = (document: JsonObject): { readonly name: string; readonly findings: readonly FieldFinding[] } => {
  const metadata = own(document, 'metadata');
  const name = isJsonObject(metadata) ? textAt(metadata, 'name') : '';
  const path: FieldPath = ['metadata', 'name'];
  if (name === '') return { name, findings: [required(path, 'name or generateName is required')] };
  return { name, findings: nameRules.dns1123Subdomain(name).map((problem) => invalid(path, name, problem)) };
};

const NOTHING_JUDGED = 'validations or auditAnnotations must contain at least one item';

export const policyFindings = (document: JsonObject): readonly FieldFinding[] => {
  const { name, findings } = named(document);
  const spec = own(document, 'spec');
  if (!isJsonObject(spec)) return [...findings, required(['spec', 'matchConstraints'])];
  const constraints = at(spec, 'matchConstraints');
  const failurePolicy = textAt(spec, 'failurePolicy');
  const judges = listAt(spec, 'validations').length > 0 || listAt(spec, 'auditAnnotations').length > 0;
  const rulePath: FieldPath = ['spec', 'matchConstraints'];
  return [
    ...findings,
    ...(failurePolicy === '' ? [] : notSupported(['spec', 'failurePolicy'], failurePolicy, ['Fail', 'Ignore'])),
    ...(constraints === undefined ? [required(rulePath)] : []),
    ...(isJsonObject(constraints) ? matchResources(constraints, rulePath) : []),
    ...(isJsonObject(constraints) && listAt(constraints, 'resourceRules').length === 0 ? [required([...rulePath, 'resourceRules'])] : []),
    ...matchConditions(spec),
    ...variables(spec),
    ...(judges ? [] : [required(['spec', 'validations'], NOTHING_JUDGED), required(['spec', 'auditAnnotations'], NOTHING_JUDGED)]),
    ...validations(spec),
    ...auditAnnotations(spec, name),
  ];
};

const EXCLUSIVE = 'name and selector are mutually exclusive';
const TWICE_TOLD =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';

const paramRef = (given: JsonObject): readonly FieldFinding[] => {
  const path: FieldPath = ['spec', 'paramRef'];
  const name = textAt(given, 'name');
  const chosen = at(given, 'selector');
  const action = textAt(given, 'parameterNotFoundAction');
  return [
    ...(name !== '' && chosen !== undefined ? [forbidden([...path, 'name'], EXCLUSIVE)] : []),
    ...selector(chosen, [...path, 'selector']),
    ...(name !== '' && chosen !== undefined ? [forbidden([...path, 'selector'], EXCLUSIVE)] : []),
    ...(name === '' && chosen === undefined ? [required(path, 'one of name or selector must be specified')] : []),
    ...(action === ''
      ? [required([...path, 'parameterNotFoundAction'])]
      : notSupported([...path, 'parameterNotFoundAction'], action, ['Deny', 'Allow'])),
  ];
};

export const bindingFindings = (document: JsonObject): readonly FieldFinding[] => {
  const { findings } = named(document);
  const spec = own(document, 'spec');
  if (!isJsonObject(spec)) return [...findings, required(['spec', 'policyName'])];
  const policyName = textAt(spec, 'policyName');
  const [reference, match] = [own(spec, 'paramRef'), own(spec, 'matchResources')];
  const path: FieldPath = ['spec', 'validationActions'];
  const actions = textsAt(spec, 'validationActions');
  return [
    ...findings,
    ...(policyName === ''
      ? [required(['spec', 'policyName'])]
      : nameRules.dns1123Subdomain(policyName).map((problem) => invalid(['spec', 'policyName'], policyName, problem))),
    ...(isJsonObject(reference) ? paramRef(reference) : []),
    ...(isJsonObject(match) ? matchResources(match, ['spec', 'matchResources']) : []),
    ...actions.flatMap((action, index) => notSupported([...path, index], action, ['Audit', 'Deny', 'Warn'])),
    ...repeated(actions, (index) => [...path, index]),
    ...(actions.includes('Deny') && actions.includes('Warn') ? [invalid(path, actions, TWICE_TOLD)] : []),
    ...(actions.length === 0 ? [required(path, 'at least one validation action is required')] : []),
  ];
};
