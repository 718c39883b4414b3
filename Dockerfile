# The gateway in a small image: built in one stage, run in another that has Node, its libraries and the gateway, and no
# shell, npm or compiler. For a release NODE names a digest (node:24.21.0-bookworm@sha256:...); other architectures by
# --platform. scripts/image.sh makes the same without an engine.
ARG NODE=node:24.21.0-bookworm
FROM ${NODE} AS build
ARG SOURCE_DATE_EPOCH
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY README.md LICENSE CHANGELOG.md tsconfig.json tsconfig.build.json tsconfig.page.json tsconfig.types.json ./
COPY scripts ./scripts
COPY src ./src
COPY clients/web ./clients/web
COPY deploy/image ./deploy/image
COPY examples/digits.json ./examples/digits.json
COPY docs/tensorgate.schema.json ./docs/tensorgate.schema.json
RUN bash scripts/image-root.sh /image /usr/local/bin/node

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
COPY --from=build /image /
LABEL org.opencontainers.image.title="tensorgate" \
  org.opencontainers.image.description="A gRPC-Web and REST gateway and load balancer for model servers" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
# without rights; it owns nothing here
USER 1000:1000
EXPOSE 8000 9000 8001
# asks the admin door at 8001; another port by TENSORGATE_HEALTH_PORT
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/local/bin/healthcheck"]
# node as process 1 gets SIGTERM itself: it drains and exits
# the young generation's size: as in bin/tensorgate
ENTRYPOINT ["/usr/local/bin/node", "--min-semi-space-size=16", "--max-semi-space-size=32", "--initial-old-space-size=128", "--no-maglev", "--enable-source-maps", "/app/dist/main.js"]
CMD ["serve", "--config", "/etc/tensorgate/tensorgate.yaml"]
