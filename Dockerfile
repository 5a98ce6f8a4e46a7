# One image for the API, the projector, the migration and the rebuild: the command tells which one it is.

FROM node:24-bookworm-slim AS manifest
WORKDIR /signoff
COPY package.json package-lock.json ./

FROM manifest AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY .swcrc nest-cli.json tsconfig.json ./
COPY apps apps
COPY libs libs
COPY stack stack
RUN npm run build && rm -r dist/libs/revocations

FROM manifest AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /signoff
COPY package.json LICENSE ./
COPY --from=dependencies /signoff/node_modules node_modules
COPY --from=build /signoff/dist/libs dist/libs
COPY --from=build /signoff/dist/apps dist/apps
USER node
EXPOSE 3000 3001
CMD ["node", "--enable-source-maps", "dist/apps/sessions-api/src/main.js"]
