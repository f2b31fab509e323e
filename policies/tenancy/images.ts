// SPDX-License-Identifier: Apache-2.0
// Where the images of a workload come from, and how they are named.
import type { Problem } from '../problem.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';
import type { Value } from '../cel/index.ts';
import type { TenantBounds } from './bounds.ts';

export type PlacedImage = { readonly image: string; readonly path: string };
export type PlacedContainer = { readonly container: Value; readonly path: string };

const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers'] as const;

/** Every container of a pod spec with the path where it stands. */
export const placedContainers = (podSpec: Value, path: string): readonly PlacedContainer[] =>
  CONTAINER_LISTS.flatMap((list) => ownList(podSpec, list).map((container, index) => ({ container, path: `${path}.${list}[${index}]` })));

/** Images of containers and of image volumes. */
export const placedImages = (podSpec: Value, path: string): readonly PlacedImage[] => [
  ...placedContainers(podSpec, path).map(({ container, path: at }) => ({ image: ownText(container, 'image') ?? '', path: `${at}.image` })),
  ...ownList(podSpec, 'volumes').flatMap((volume, index): readonly PlacedImage[] =>
    own(volume, 'image') === undefined
      ? []
      : [{ image: ownText(ownMap(volume, 'image'), 'reference') ?? '', path: `${path}.volumes[${index}].image.reference` }],
  ),
];

const REFERENCE = /^[A-Za-z0-9][-A-Za-z0-9._:/@]{0,1023}$/;
const DIGEST = /@sha256:[0-9a-f]{64}$/;
const HUB = 'docker.io/';

/** As runtimes read it: a name whose first part is no host is one of Docker Hub. */
const fullName = (image: string): string => {
  const [first = '', ...rest] = image.split('/', 2);
  if (rest.length === 0) return `${HUB}library/${image}`;
  return first === 'localhost' || /[.:]/.test(first) ? image : `${HUB}${image}`;
};

/** A prefix ends where a part of the name ends: ghcr.io/acme is no prefix of ghcr.io/acme-evil/x. */
const isBelow = (image: string, prefix: string): boolean =>
  image.startsWith(prefix) && (prefix.endsWith('/') || ['', '/', ':', '@'].includes(image.charAt(prefix.length)));

const isFrom = (image: string, registries: readonly string[]): boolean => {
  if (!REFERENCE.test(image) || image.includes('..') || image.includes('//')) return false;
  const full = fullName(image);
  return registries.some((prefix) => isBelow(full, prefix) || isBelow(image, prefix));
};

const shown = (image: string): string => (image === '' ? 'no image is named' : image.slice(0, 200));

export const imageProblem = ({ image, path }: PlacedImage, { registries, needsDigests }: TenantBounds): Problem | undefined => {
  if (registries !== undefined && !isFrom(image, registries)) return { code: 'IMAGE_FORBIDDEN', message: shown(image), path };
  return needsDigests && !DIGEST.test(image) ? { code: 'IMAGE_DIGEST_MISSING', message: shown(image), path } : undefined;
};
