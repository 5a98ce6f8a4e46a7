import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { VERSION } from './version.js';

/** Has what each process tells of itself, for an app to register its own metrics beside. */
export function processMetrics(app: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'signoff_build_info',
    help: 'Always 1: what is running',
    labelNames: ['app', 'version', 'node'],
    registers: [registry],
  }).set({ app, version: VERSION, node: process.versions.node }, 1);
  return registry;
}
