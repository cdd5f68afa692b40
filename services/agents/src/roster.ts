import { access } from './access.js'
import { connectors } from './connectors.js'
import { dataOps } from './data-ops.js'
import { deployment } from './deployment.js'
import type { ByName } from './measurements.js'
import { monitoring } from './monitoring.js'
import { provisioning } from './provisioning.js'
import type { ReferenceAgent } from './reference-agent.js'
import { security } from './security.js'
import { validatorAgents } from './validators.js'

/** Every reference agent there is; no intent is offered by two. */
export const roster = (options: { measurements: ByName; now: () => Date }): ReferenceAgent[] => [
  provisioning,
  connectors,
  dataOps,
  security,
  deployment,
  access,
  monitoring,
  ...validatorAgents(options),
]
