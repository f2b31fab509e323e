// SPDX-License-Identifier: Apache-2.0
// What a document may be, before it means anything.
import type { ProblemCodes } from './entry.ts';

export const documentsCodes = {
  DOCUMENT_TOO_LARGE: { summary: 'The document is larger than the limit.', fix: 'split it or shorten it' },
  DOCUMENT_ENCODING: { summary: 'The document is not plain UTF-8 with LF line ends.', fix: 'save it as UTF-8 without BOM and with LF' },
  DOCUMENT_SYNTAX: { summary: 'The document is not valid YAML.', fix: 'correct the YAML at the place named' },
  DOCUMENT_COUNT: { summary: 'A file must hold exactly one YAML document.', fix: 'put each object into a file of its own' },
  DOCUMENT_FORBIDDEN: {
    summary: 'The document uses a YAML feature that signed documents may not use.',
    fix: 'write the value out without anchors, aliases, merge keys or tags',
  },
  DOCUMENT_DUPLICATE_KEY: { summary: 'A mapping has the same key twice.', fix: 'keep one of the two' },
  DOCUMENT_NUMBER: { summary: 'A number cannot be carried exactly.', fix: 'use a smaller number, or quote it where text is meant' },
  DOCUMENT_TOO_COMPLEX: { summary: 'The document is nested too deeply or has too many values.', fix: 'split it or flatten it' },
  DOCUMENT_AMBIGUOUS: { summary: 'A plain scalar reads differently in YAML 1.1 and 1.2.', fix: 'quote it' },
  DOCUMENT_INVALID: { summary: 'The object does not fit its schema.', fix: 'correct the field named' },
  DOCUMENT_UNKNOWN_FIELD: {
    summary: 'The object has a field that its kind does not know.',
    fix: 'remove the field or correct its spelling',
  },
  DOCUMENT_UNKNOWN_KIND: {
    summary: 'The kind is not one that may come from a policy repository.',
    fix: 'use apiVersion writ.dev/v1alpha1 and one of its kinds',
  },
} as const satisfies ProblemCodes;
