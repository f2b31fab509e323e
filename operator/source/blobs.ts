// SPDX-License-Identifier: Apache-2.0
// Bytes of blobs by their id, the least recently used forgotten first. Most files of a commit are those of the last one.

export type BlobCache = {
  get(key: string): Uint8Array | undefined;
  set(key: string, bytes: Uint8Array): void;
  readonly bytes: number;
};

/** `limitBytes` bounds the content; a blob larger than a quarter of it is not kept. */
export const createBlobCache = (limitBytes: number): BlobCache => {
  const blobs = new Map<string, Uint8Array>();
  let held = 0;
  const forget = (key: string): void => {
    held -= blobs.get(key)?.length ?? 0;
    blobs.delete(key);
  };
  return {
    get: (key) => {
      const bytes = blobs.get(key);
      if (bytes === undefined) return undefined;
      blobs.delete(key);
      blobs.set(key, bytes);
      return bytes;
    },
    set: (key, bytes) => {
      forget(key);
      if (bytes.length > limitBytes / 4) return;
      // A copy: a view would keep the whole output of git alive.
      blobs.set(key, Uint8Array.from(bytes));
      held += bytes.length;
      for (const oldest of blobs.keys()) {
        if (held <= limitBytes) break;
        forget(oldest);
      }
    },
    get bytes() {
      return held;
    },
  };
};
