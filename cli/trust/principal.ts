// SPDX-License-Identifier: Apache-2.0
// A principal as a person gives it on the command line, and as it is written into a trust policy.
import { readPublicKeyFile } from '../public-key.ts';
import { UsageError, UserError } from '../output.ts';

export type NewPrincipal = { readonly name: string } & ({ readonly pem: string } | { readonly issuer: string; readonly subject: string });

const NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

const nameOf = (option: string, given: string, name: string): string => {
  if (NAME.test(name)) return name;
  throw new UsageError(`${option} ${given}: a name has small letters, digits and hyphens`);
};

/** A key that could never make a seal is refused here and not by the operator. */
export const readSealingKey = (path: string): string => {
  const { pem, refusal } = readPublicKeyFile(path);
  if (refusal === undefined) return pem;
  throw new UserError([{ ...refusal, message: `${path}: ${refusal.message}` }]);
};

/** `NAME=FILE`. */
export const keyedPrincipal = (given: string): NewPrincipal => {
  const [, name = '', path = ''] = /^([^=]*)=(.+)$/.exec(given) ?? [];
  if (path === '') throw new UsageError(`--key ${given}: write NAME=FILE`);
  return { name: nameOf('--key', given, name), pem: readSealingKey(path) };
};

/** `NAME=ISSUER,SUBJECT`: an issuer is a URL without a comma, a subject may have some. */
export const identifiedPrincipal = (given: string): NewPrincipal => {
  const [, name = '', issuer = '', subject = ''] = /^([^=]*)=(https?:\/\/[^,\s]+),(\S+)$/.exec(given) ?? [];
  if (subject === '') throw new UsageError(`--identity ${given}: write NAME=ISSUER,SUBJECT; the issuer is a URL`);
  return { name: nameOf('--identity', given, name), issuer, subject };
};

/** The lines of one key, without the dash before them. */
export const keyLines = (pem: string): readonly string[] => [
  'pem: |',
  ...pem
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`),
];

const listItem = (lines: readonly string[]): readonly string[] => lines.map((line, index) => `${index === 0 ? '- ' : '  '}${line}`);

export const principalLines = (principal: NewPrincipal): readonly string[] =>
  'pem' in principal
    ? [`name: ${principal.name}`, 'publicKeys:', ...listItem(keyLines(principal.pem))]
    : [
        `name: ${principal.name}`,
        'identity:',
        `  issuer: ${JSON.stringify(principal.issuer)}`,
        `  subject: ${JSON.stringify(principal.subject)}`,
      ];

export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
