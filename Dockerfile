# syntax=docker/dockerfile:1
# Two images from the bundles that `make bundle` has made; nothing is built or installed for the webhook here.
#   docker build --target operator -t writ-operator .
#   docker build --target webhook  -t writ-webhook .
# Both run as uid 65532 on a read-only root and write below /tmp alone, which deploy/ mounts as an emptyDir.

# git and an ssh client, because the operator fetches repositories with the git binary.
FROM node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6 AS operator
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* \
 && groupadd --gid 65532 writ \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin writ
WORKDIR /app
COPY --chmod=0444 build/bundle/operator.mjs build/bundle/operator.mjs.LEGAL.txt ./
ENV NODE_ENV=production HOME=/tmp
USER 65532:65532
ENTRYPOINT ["node", "--disallow-code-generation-from-strings", "/app/operator.mjs"]

# No shell, no package manager. Distroless has no tag per Node version; the check holds the lowest one that we run on.
FROM gcr.io/distroless/nodejs24-debian13:nonroot@sha256:774b7d020b24214835769e24c3544835526cd0288f0b094eae48e8b2c2429a79 AS webhook
RUN ["/nodejs/bin/node", "-e", "const [major, minor] = process.versions.node.split('.').map(Number); if (major !== 24 || minor < 15) throw new Error(`Node ${process.version} is older than 24.15`)"]
WORKDIR /app
COPY --chmod=0444 build/bundle/webhook.mjs build/bundle/webhook.mjs.LEGAL.txt ./
ENV NODE_ENV=production
USER 65532:65532
# Each admission leaves garbage, and V8 shrinks its young generation while little is asked: docs/benchmarks.md has what that costs.
ENTRYPOINT ["/nodejs/bin/node", "--min-semi-space-size=32", "--disallow-code-generation-from-strings", "/app/webhook.mjs"]
