// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { NamedFormat } from '../values/named-format.ts';
import type { FormatRule } from '../values/named-format.ts';
import { nameRules } from '../values/name-rules.ts';
import { uriFault } from '../values/url-text.ts';
import { CelOptional, NONE } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { format } from './opaque.ts';
import { string } from './parameters.ts';
import { entry, overload0, overload1, overload2 } from './table.ts';
import type { FunctionEntry, Library } from './table.ts';

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const TIME_OF_DAY = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})$/u;

const isDate = (text: string): boolean => {
  const [, year, month, day] = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text) ?? [];
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
};

/** A second `t` and what follows it is not looked at. */
const isDateTime = (text: string): boolean => {
  const [date = '', time = ''] = text.toLowerCase().split('t', 2);
  const [, hour = '', minute = '', second = ''] = TIME_OF_DAY.exec(time) ?? [];
  return hour !== '' && isDate(date) && hour <= '23' && minute <= '59' && second <= '59';
};

const isBase64 = (text: string): boolean => text !== '' && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);

const test =
  (problem: string, holds: (text: string) => boolean): FormatRule['problems'] =>
  (text) =>
    holds(text) ? [] : [problem];

/** By the name that expressions use; pattern sizes are those that Kubernetes estimates. */
const rules: Readonly<Record<string, FormatRule>> = {
  dns1123Label: { name: 'DNS1123Label', patternSize: 30, problems: nameRules.dns1123Label },
  dns1123Subdomain: { name: 'DNS1123Subdomain', patternSize: 60, problems: nameRules.dns1123Subdomain },
  dns1035Label: { name: 'DNS1035Label', patternSize: 30, problems: nameRules.dns1035Label },
  qualifiedName: { name: 'QualifiedName', patternSize: 60, problems: nameRules.qualifiedName },
  dns1123LabelPrefix: { name: 'DNS1123LabelPrefix', patternSize: 30, problems: nameRules.dns1123LabelPrefix },
  dns1123SubdomainPrefix: { name: 'DNS1123SubdomainPrefix', patternSize: 60, problems: nameRules.dns1123SubdomainPrefix },
  dns1035LabelPrefix: { name: 'DNS1035LabelPrefix', patternSize: 30, problems: nameRules.dns1035LabelPrefix },
  labelValue: { name: 'LabelValue', patternSize: 40, problems: nameRules.labelValue },
  uri: {
    name: 'URI',
    patternSize: 1_103,
    problems: (text) => {
      const fault = uriFault(text);
      return fault === undefined ? [] : [fault.message];
    },
  },
  uuid: { name: 'uuid', patternSize: 70, problems: test('does not match the UUID format', (text) => UUID.test(text)) },
  byte: { name: 'byte', patternSize: 84, problems: test('invalid base64', isBase64) },
  date: { name: 'date', patternSize: 71, problems: test('invalid date', isDate) },
  datetime: { name: 'datetime', patternSize: 71, problems: test('invalid datetime', isDateTime) },
};

const formats = new Map<string, NamedFormat>(Object.entries(rules).map(([name, rule]) => [name, new NamedFormat(rule)]));

/** Units of effort a character takes to check, and to be quoted by a problem. */
const TEXT_EFFORT = 40;

const validate = (evaluation: Evaluation, { rule }: NamedFormat, text: string): Value | undefined => {
  if (!evaluation.strain(text.length * TEXT_EFFORT)) return undefined;
  const problems = rule.problems(text);
  return problems.length === 0 ? NONE : new CelOptional(problems);
};

const constant = ([name, value]: [string, NamedFormat]): FunctionEntry =>
  entry(`format.${name}`, overload0({ id: `format.${name}`, result: format.type, run: () => value }));

export const formatLibrary: Library = {
  name: 'kubernetes.format',
  since: '1.31',
  functions: [
    ...Array.from(formats, constant),
    entry(
      'format.named',
      overload1({
        id: 'format-named',
        params: [string],
        result: types.optionalOf(format.type),
        run: (_evaluation, name) => {
          const found = formats.get(name);
          return found === undefined ? NONE : new CelOptional(found);
        },
      }),
    ),
    entry(
      'validate',
      overload2({
        id: 'format-validate',
        member: true,
        params: [format, string],
        result: types.optionalOf(types.listOf(types.STRING)),
        run: validate,
      }),
    ),
  ],
};
