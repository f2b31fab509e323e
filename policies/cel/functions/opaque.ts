// SPDX-License-Identifier: Apache-2.0
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import {
  AccessDecision,
  Authorizer,
  AUTHORIZER,
  DECISION,
  GroupCheck,
  GROUP_CHECK,
  PathCheck,
  PATH_CHECK,
  ResourceCheck,
  RESOURCE_CHECK,
} from '../values/authorizer.ts';
import type { Boxed, CelType } from '../values/boxed.ts';
import { CIDR, CidrPrefix, IP, IpAddress } from '../values/ip.ts';
import { FORMAT, NamedFormat } from '../values/named-format.ts';
import { QUANTITY, Quantity } from '../values/quantity.ts';
import { SEMVER, SemanticVersion } from '../values/semver.ts';
import { URL_TYPE, UrlValue } from '../values/url.ts';
import type { Value } from '../values/value.ts';
import type { Parameter } from './table.ts';

/** Parameters of the types that Kubernetes adds. */
const parameterOf = <T extends Boxed>(type: CelType, accepts: (value: Value) => value is T): Parameter<T> => ({
  type: opaqueType(type),
  accepts,
});

const opaqueType = (type: CelType): Type => types.opaque(type.name);

export const quantity = parameterOf(QUANTITY, (value): value is Quantity => value instanceof Quantity);
export const ip = parameterOf(IP, (value): value is IpAddress => value instanceof IpAddress);
export const cidr = parameterOf(CIDR, (value): value is CidrPrefix => value instanceof CidrPrefix);
export const url = parameterOf(URL_TYPE, (value): value is UrlValue => value instanceof UrlValue);
export const semver = parameterOf(SEMVER, (value): value is SemanticVersion => value instanceof SemanticVersion);
export const format = parameterOf(FORMAT, (value): value is NamedFormat => value instanceof NamedFormat);

export const authorizer = parameterOf(AUTHORIZER, (value): value is Authorizer => value instanceof Authorizer);
export const pathCheck = parameterOf(PATH_CHECK, (value): value is PathCheck => value instanceof PathCheck);
export const groupCheck = parameterOf(GROUP_CHECK, (value): value is GroupCheck => value instanceof GroupCheck);
export const resourceCheck = parameterOf(RESOURCE_CHECK, (value): value is ResourceCheck => value instanceof ResourceCheck);
export const decision = parameterOf(DECISION, (value): value is AccessDecision => value instanceof AccessDecision);
