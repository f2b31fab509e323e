// SPDX-License-Identifier: Apache-2.0
import type { JsonMap, Value } from '../values/value.ts';

/** Reads one field of an object of JSON; undefined = it is not there. Names that JavaScript's objects inherit are not for it. */
export type FieldReader = (of: JsonMap) => Value | undefined;

/**
 * An engine of JavaScript remembers for each place of the code where in the few shapes of objects seen there a field lies; a place that
 * reads every field of every object remembers nothing, and looks each up by its name, ten times slower. So the names that policies ask
 * for most have a place each.
 */
const READERS: ReadonlyMap<string, (of: Readonly<Record<string, Value | undefined>>) => Value | undefined> = new Map([
  ['object', (of) => of.object],
  ['spec', (of) => of.spec],
  ['metadata', (of) => of.metadata],
  ['labels', (of) => of.labels],
  ['annotations', (of) => of.annotations],
  ['name', (of) => of.name],
  ['namespace', (of) => of.namespace],
  ['containers', (of) => of.containers],
  ['initContainers', (of) => of.initContainers],
  ['template', (of) => of.template],
  ['image', (of) => of.image],
  ['env', (of) => of.env],
  ['value', (of) => of.value],
  ['valueFrom', (of) => of.valueFrom],
  ['securityContext', (of) => of.securityContext],
  ['privileged', (of) => of.privileged],
  ['capabilities', (of) => of.capabilities],
  ['drop', (of) => of.drop],
  ['add', (of) => of.add],
  ['resources', (of) => of.resources],
  ['limits', (of) => of.limits],
  ['requests', (of) => of.requests],
  ['memory', (of) => of.memory],
  ['cpu', (of) => of.cpu],
  ['volumes', (of) => of.volumes],
  ['hostPath', (of) => of.hostPath],
  ['runAsNonRoot', (of) => of.runAsNonRoot],
  ['allowPrivilegeEscalation', (of) => of.allowPrivilegeEscalation],
  ['readOnlyRootFilesystem', (of) => of.readOnlyRootFilesystem],
  ['hostNetwork', (of) => of.hostNetwork],
  ['hostPID', (of) => of.hostPID],
  ['hostIPC', (of) => of.hostIPC],
  ['ports', (of) => of.ports],
  ['hostPort', (of) => of.hostPort],
  ['containerPort', (of) => of.containerPort],
  ['command', (of) => of.command],
  ['args', (of) => of.args],
  ['volumeMounts', (of) => of.volumeMounts],
  ['userInfo', (of) => of.userInfo],
  ['username', (of) => of.username],
  ['groups', (of) => of.groups],
  ['operation', (of) => of.operation],
  ['replicas', (of) => of.replicas],
  ['kind', (of) => of.kind],
  ['apiVersion', (of) => of.apiVersion],
  ['seccompProfile', (of) => of.seccompProfile],
  ['type', (of) => of.type],
  ['runAsUser', (of) => of.runAsUser],
  ['serviceAccountName', (of) => of.serviceAccountName],
  ['nodeSelector', (of) => of.nodeSelector],
  ['tolerations', (of) => of.tolerations],
  ['imagePullPolicy', (of) => of.imagePullPolicy],
  ['livenessProbe', (of) => of.livenessProbe],
  ['readinessProbe', (of) => of.readinessProbe],
  ['key', (of) => of.key],
  ['secretKeyRef', (of) => of.secretKeyRef],
  ['selector', (of) => of.selector],
  ['matchLabels', (of) => of.matchLabels],
  ['rules', (of) => of.rules],
  ['host', (of) => of.host],
  ['path', (of) => of.path],
]);

export const readerOf = (field: string): FieldReader => READERS.get(field) ?? ((of) => of[field]);
