const common = {
  rootDir: import.meta.dirname,
  roots: ['apps', 'libs', 'stack', 'test'].map((folder) => `<rootDir>/${folder}`),
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^#(domain|environment|telemetry|event-log|bus|read-model|revocations)/(.*)\\.js$':
      '<rootDir>/libs/$1/src/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': '@swc/jest',
    // ESM-only packages that Nest's Fastify adapter requires from CommonJS, which Jest can do from Node 24.9 on.
    '/node_modules/(content-disposition|cookie)/.+\\.js$': [
      '@swc/jest',
      { swcrc: false, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!(content-disposition|cookie)/)'],
};

/** A private PostgreSQL for the whole run, and nats-servers for each file. */
export const onServices = {
  ...common,
  globalSetup: '<rootDir>/test/harness/global-setup.mjs',
  globalTeardown: '<rootDir>/test/harness/global-teardown.mjs',
};

/** `unit` needs nothing and takes seconds; `services` runs on a PostgreSQL and nats-servers that it starts itself. */
export default {
  maxWorkers: 2,
  // Jest heeds it here only. A server's restart may take a while on a busy machine.
  testTimeout: 60_000,
  coverageProvider: 'v8',
  projects: [
    { ...common, displayName: 'unit', testRegex: '(?<!\\.(int|e2e|fault|cluster))\\.spec\\.ts$' },
    { ...onServices, displayName: 'services', testRegex: '\\.(int|e2e)\\.spec\\.ts$' },
  ],
};
