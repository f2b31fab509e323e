// SPDX-License-Identifier: Apache-2.0
// Fields of the views of a workload (policies/subject) in the types that judging wants; what is of another type is not there.
import { isCelError } from '../cel/index.ts';
import type { Fields, Value } from '../cel/index.ts';
import { isList } from '../cel/values/value.ts';

export const listAt = (fields: Fields, name: string): readonly Value[] => {
  const found = fields.field(name);
  return found !== undefined && !isCelError(found) && isList(found) ? found : [];
};

export const textsAt = (fields: Fields, name: string): readonly string[] => listAt(fields, name).filter((one) => typeof one === 'string');

/** Undefined where it is empty too. */
export const textAt = (fields: Fields, name: string): string | undefined => {
  const found = fields.field(name);
  return typeof found === 'string' && found !== '' ? found : undefined;
};
