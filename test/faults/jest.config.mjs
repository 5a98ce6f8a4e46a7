import { onServices } from '../../jest.config.mjs';

/** Each scenario kills and damages what it runs on: one after another, since they need the machine for themselves. */
export default {
  ...onServices,
  testRegex: '\\.fault\\.spec\\.ts$',
  testTimeout: 180_000,
  maxWorkers: 1,
};
