// SPDX-License-Identifier: Apache-2.0
// A sealed document as the custom resource that carries it: `signature` holds the exact bytes and the seals, which is what
// counts; `spec` is a copy for people.
import { Document, Scalar, isMap, isScalar, visit } from 'yaml';
import type { ParsedDocument } from '../policies/document/index.ts';
import { isJsonObject, own } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';

const metadataOf = (value: JsonObject): JsonObject => {
  const metadata = own(value, 'metadata');
  if (!isJsonObject(metadata)) return {};
  return Object.fromEntries(
    ['name', 'namespace', 'labels', 'annotations'].flatMap((field) =>
      own(metadata, field) === undefined ? [] : [[field, own(metadata, field)]],
    ),
  );
};

/** The object as JSON. */
export const resourceObject = (document: ParsedDocument, bytes: Uint8Array, bundles: readonly string[]): JsonObject => ({
  apiVersion: own(document.value, 'apiVersion'),
  kind: own(document.value, 'kind'),
  metadata: metadataOf(document.value),
  spec: own(document.value, 'spec'),
  signature: { document: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), bundles },
});

/** As YAML that kubectl, a YAML 1.1 reader, reads as it is meant: every string and unusual key is quoted. */
export const resourceYaml = (resource: JsonObject): string => {
  const yaml = new Document(resource, { version: '1.1' });
  visit(yaml, {
    Scalar: (key, node) => {
      if (typeof node.value !== 'string') return;
      const plainKey = key === 'key' && /^[A-Za-z][A-Za-z0-9./_-]{3,}$/.test(node.value);
      node.type = plainKey ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
    },
  });
  const signature = yaml.get('signature');
  const text = isMap(signature) ? signature.get('document', true) : undefined;
  if (isScalar(text)) text.type = Scalar.BLOCK_LITERAL;
  return `---\n${yaml.toString({ lineWidth: 0, directives: false })}`;
};
