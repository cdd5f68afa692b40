import { collectDefaultMetrics, Registry } from 'prom-client'

/** A service's own registry, with the process figures of prom-client in it and the label `service` on every series. */
export const createRegistry = (service: string): Registry => {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  return registry
}
