import { onServices } from '../../jest.config.mjs';

/** Scenarios kill and damage what they run on: one after another, since they need the machine for themselves. */
export default {
  ...onServices,
  // A cluster of three takes its time: only where every version is run.
  testRegex: process.env.FAULT_CLUSTER ? '\\.(fault|cluster)\\.spec\\.ts$' : '\\.fault\\.spec\\.ts$',
  testTimeout: 180_000,
  maxWorkers: 1,
};
