// SPDX-License-Identifier: Apache-2.0
// The steps of judging a sealed document, run once for nothing: code that runs for the first time in a process takes tens of
// milliseconds, and a replica that starts lets other work go on between two of them. webhook/policyset imports it.
import { parseDocument } from './document/index.ts';
import { validateDocument } from './document/validate.ts';
import { verifyArtifact } from './trust/index.ts';
import type { Artifact, Trust } from './trust/index.ts';

/** Total. */
export const runAhead = function* ({
  artifact,
  trust,
  atMs,
}: {
  readonly artifact: Artifact;
  readonly trust: Trust;
  readonly atMs: number;
}) {
  const parsed = parseDocument(artifact.bytes, artifact.file);
  yield;
  if (parsed.ok) validateDocument(parsed.document);
  yield;
  verifyArtifact(artifact, trust, atMs);
  yield;
};
