// SPDX-License-Identifier: Apache-2.0
// Where this folder tells what it does. It knows no metrics library: each process maps these hooks to its own catalogue.

export type RequestObservation = {
  readonly method: string;
  readonly path: string;
  /** The HTTP status, or the transport failure's code. */
  readonly result: number | string;
  readonly durationMs: number;
  /** 1 for the first try. */
  readonly attempt: number;
};

export type KubeObserver = {
  readonly request?: (observation: RequestObservation) => void;
  /** Connections to the API server that are open now. */
  readonly connections?: (open: number) => void;
  /** A new set of credentials is in use (1, 2, …), or the old one stays because the new one could not be read. */
  readonly credentials?: (event: { readonly generation: number; readonly error?: unknown }) => void;
  /** A Warning header of the API server. */
  readonly warning?: (text: string) => void;
};
