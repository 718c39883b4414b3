# The gateway in a small image: compiled in one stage, run in another without compiler, tests or npm.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json tsconfig.page.json tsconfig.types.json ./
COPY scripts ./scripts
COPY src ./src
COPY clients/web ./clients/web
COPY examples/digits.json ./examples/digits.json
COPY docs/tensorgate.schema.json ./docs/tensorgate.schema.json
RUN bash scripts/build.sh && npm prune --omit=dev

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build --chown=root:root /build/package.json ./package.json
COPY --from=build --chown=root:root /build/node_modules ./node_modules
COPY --from=build --chown=root:root /build/dist ./dist
COPY --chown=root:root LICENSE ./
# an unprivileged user that the base image brings; it owns nothing here
USER 1000:1000
EXPOSE 8000 9000 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "dist/main.js", "health", "--config", "/etc/tensorgate/tensorgate.yaml"]
# node as process 1 gets SIGTERM itself: it drains and exits
# the young generation's size: as in bin/tensorgate
ENTRYPOINT ["node", "--min-semi-space-size=16", "--max-semi-space-size=32", "--initial-old-space-size=128", "--no-maglev", "--enable-source-maps", "dist/main.js"]
CMD ["serve", "--config", "/etc/tensorgate/tensorgate.yaml"]
