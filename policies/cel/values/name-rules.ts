// SPDX-License-Identifier: Apache-2.0

/** Kubernetes' rules for names and labels: each gives what is wrong with a text, in Kubernetes' words. Lengths count bytes. */
export type NameRule = (text: string) => readonly string[];

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const VALUE = `(${KEY})?`;

type Pattern = { readonly source: string; readonly regex: RegExp };
const pattern = (source: string): Pattern => ({ source, regex: new RegExp(`^${source}$`) });

const label = pattern(LABEL);
const subdomain = pattern(SUBDOMAIN);
const label1035 = pattern(LABEL_1035);
const key = pattern(KEY);
const value = pattern(VALUE);

const ENDS = 'and must start and end with an alphanumeric character';
const KEY_CHARACTERS = `must consist of alphanumeric characters, '-', '_' or '.', ${ENDS}`;

/** Kubernetes says characters where names of DNS are meant, bytes for labels, and counts bytes for both. */
const tooLong = (text: string, bytes: number, unit: 'bytes' | 'characters' = 'characters'): readonly string[] =>
  Buffer.byteLength(text) > bytes ? [`must be no more than ${bytes} ${unit}`] : [];

const mismatch = (rule: string, { source }: Pattern, examples: readonly string[]): string =>
  `${rule} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${source}')`;

const dns1123Subdomain: NameRule = (text) => [
  ...tooLong(text, 253),
  ...(subdomain.regex.test(text)
    ? []
    : [
        mismatch(`a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', ${ENDS}`, subdomain, [
          'example.com',
        ]),
      ]),
];

const dns1123Label: NameRule = (text) => {
  const length = tooLong(text, 63);
  if (label.regex.test(text)) return length;
  if (subdomain.regex.test(text)) return [...length, 'must not contain dots'];
  const rule = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', ${ENDS}`;
  return [...length, mismatch(rule, label, ['my-name', '123-abc'])];
};

const dns1035Label: NameRule = (text) => {
  const rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [...tooLong(text, 63), ...(label1035.regex.test(text) ? [] : [mismatch(rule, label1035, ['my-name', 'abc-123'])])];
};

const KEY_EXAMPLES = ['MyName', 'my.name', '123-abc'];

const prefixProblems = (prefix: string): readonly string[] =>
  prefix === '' ? ['prefix part must be non-empty'] : dns1123Subdomain(prefix).map((problem) => `prefix part ${problem}`);

const qualifiedName: NameRule = (text) => {
  const [first = '', second, ...more] = text.split('/', 3);
  if (more.length > 0) {
    const rule = mismatch(KEY_CHARACTERS, key, KEY_EXAMPLES);
    return [`a valid label key ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const name = second ?? first;
  return [
    ...(second === undefined ? [] : prefixProblems(first)),
    ...(name === '' ? ['name part must be non-empty'] : tooLong(name, 63, 'bytes').map((problem) => `name part ${problem}`)),
    ...(key.regex.test(name) ? [] : [`name part ${mismatch(KEY_CHARACTERS, key, KEY_EXAMPLES)}`]),
  ];
};

const labelValue: NameRule = (text) => {
  const rule = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', ${ENDS}`;
  return [...tooLong(text, 63, 'bytes'), ...(value.regex.test(text) ? [] : [mismatch(rule, value, ['MyValue', 'my_value', '12345'])])];
};

/**
 * For names to which more will be added, a dash may stand last. Kubernetes drops the character before that dash as well, so `A-` and
 * `-A-` are judged as `a` and `-a`; a character of several bytes is not dropped whole, so what is left of it stays wrong.
 */
const asPrefix =
  (rule: NameRule): NameRule =>
  (text) => {
    if (text.length < 2 || !text.endsWith('-')) return rule(text);
    const before = text.charCodeAt(text.length - 2);
    return rule(`${text.slice(0, before < 0x80 ? -2 : -1)}a`);
  };

export const nameRules = {
  dns1123Label,
  dns1123Subdomain,
  dns1035Label,
  qualifiedName,
  labelValue,
  dns1123LabelPrefix: asPrefix(dns1123Label),
  dns1123SubdomainPrefix: asPrefix(dns1123Subdomain),
  dns1035LabelPrefix: asPrefix(dns1035Label),
} as const;
