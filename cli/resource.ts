// SPDX-License-Identifier: Apache-2.0
// A sealed document as the custom resource that carries it: `signature` holds the exact bytes and the seals, which is what
// counts; `spec` is a copy for people.
import { Document, Scalar, visit } from 'yaml';
import type { ParsedDocument } from '../policies/document/index.ts';
import { isJsonObject, own } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import type { MemberFile } from '../policies/ruleset/index.ts';
import { storedForm } from '../policies/trust/stored-form.ts';

const metadataOf = (value: JsonObject): JsonObject => {
  const metadata = own(value, 'metadata');
  if (!isJsonObject(metadata)) return {};
  return Object.fromEntries(
    ['name', 'namespace', 'labels', 'annotations'].flatMap((field) =>
      own(metadata, field) === undefined ? [] : [[field, own(metadata, field)]],
    ),
  );
};

export type Sealed = {
  readonly document: ParsedDocument;
  readonly bytes: Uint8Array;
  readonly bundles: readonly string[];
  /** Of a ruleset. */
  readonly members?: readonly MemberFile[];
};

const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** The object as JSON. */
export const resourceObject = ({ document, bytes, bundles, members }: Sealed): JsonObject => ({
  apiVersion: own(document.value, 'apiVersion'),
  kind: own(document.value, 'kind'),
  metadata: metadataOf(document.value),
  spec: own(document.value, 'spec'),
  signature: {
    document: textOf(bytes),
    bundles: bundles.map(storedForm),
    ...(members === undefined ? {} : { members: members.map((member) => ({ path: member.path, document: textOf(member.bytes) })) }),
  },
});

// Four letters at least: `yes`, `on`, `off` and their like are booleans to YAML 1.1; `true`, `null` and numbers don't fit.
const PLAIN_KEY = /^(?!(?:true|True|TRUE|null|Null|NULL|false|False|FALSE)$)[A-Za-z][A-Za-z0-9./_-]{3,}$/;
// Control characters and the line ends of YAML 1.1 must be escapes, and only double quotes have those.
// eslint-disable-next-line no-control-regex
const NEEDS_ESCAPE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]/;

/** A first line of white space would need an indentation indicator, which not every reader counts alike. */
const isBlock = (text: string): boolean => /^\S[\s\S]*\n/.test(text) && !NEEDS_ESCAPE.test(text);

/** As YAML that kubectl, a YAML 1.1 reader, reads as it is meant: every string and unusual key is quoted. */
export const resourceYaml = (resource: JsonObject): string => {
  const yaml = new Document(resource, { version: '1.1' });
  visit(yaml, {
    Scalar: (key, node) => {
      if (typeof node.value !== 'string') return;
      if (key === 'key') node.type = PLAIN_KEY.test(node.value) ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
      else node.type = isBlock(node.value) ? Scalar.BLOCK_LITERAL : Scalar.QUOTE_DOUBLE;
    },
  });
  // Double quotes over several lines lose spaces at line starts in the YAML library; on one line they are JSON's.
  return `---\n${yaml.toString({ lineWidth: 0, directives: false, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER })}`;
};
