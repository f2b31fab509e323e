// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType } from './boxed.ts';
import type { CelError } from './error.ts';

export const AUTHORIZER = new CelType('kubernetes.authorization.Authorizer');
export const PATH_CHECK = new CelType('kubernetes.authorization.PathCheck');
export const GROUP_CHECK = new CelType('kubernetes.authorization.GroupCheck');
export const RESOURCE_CHECK = new CelType('kubernetes.authorization.ResourceCheck');
export const DECISION = new CelType('kubernetes.authorization.Decision');

export type AccessUser = {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
};

/** Empty where the expression said nothing. */
export type AccessResource = {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly fieldSelector: string;
  readonly labelSelector: string;
};

/** May the user do `verb` with this path of the API server, or with this resource? */
export type AccessQuestion = { readonly user: AccessUser; readonly verb: string } & (
  | { readonly path: string }
  | { readonly resource: AccessResource }
);

/** `error`: what went wrong while the authorizer thought about it; '' = nothing. */
export type AccessAnswer = { readonly allowed: boolean; readonly reason: string; readonly error: string };

/**
 * Who knows the answers; given by the caller of an evaluation, which stays synchronous. Where there is no answer (yet) the check fails
 * with the error given, like any other.
 */
export type Access = (question: AccessQuestion) => AccessAnswer | CelError;

/** None of them equals anything, itself included: there is no such overload. */
abstract class AuthorizationValue extends Boxed {
  override sameAs(): undefined {
    return undefined;
  }
}

export class Authorizer extends AuthorizationValue {
  readonly user: AccessUser;
  readonly access: Access;

  constructor(user: AccessUser, access: Access) {
    super();
    this.user = user;
    this.access = access;
  }

  override get type(): CelType {
    return AUTHORIZER;
  }
}

export class PathCheck extends AuthorizationValue {
  readonly authorizer: Authorizer;
  readonly path: string;

  constructor(authorizer: Authorizer, path: string) {
    super();
    this.authorizer = authorizer;
    this.path = path;
  }

  override get type(): CelType {
    return PATH_CHECK;
  }
}

export class GroupCheck extends AuthorizationValue {
  readonly authorizer: Authorizer;
  readonly group: string;

  constructor(authorizer: Authorizer, group: string) {
    super();
    this.authorizer = authorizer;
    this.group = group;
  }

  override get type(): CelType {
    return GROUP_CHECK;
  }
}

export class ResourceCheck extends AuthorizationValue {
  readonly authorizer: Authorizer;
  readonly resource: AccessResource;

  constructor(authorizer: Authorizer, resource: AccessResource) {
    super();
    this.authorizer = authorizer;
    this.resource = resource;
  }

  override get type(): CelType {
    return RESOURCE_CHECK;
  }
}

export class AccessDecision extends AuthorizationValue {
  readonly answer: AccessAnswer;

  constructor(answer: AccessAnswer) {
    super();
    this.answer = answer;
  }

  override get type(): CelType {
    return DECISION;
  }
}
