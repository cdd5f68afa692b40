import { idOf, textIn } from './inputs.js'
import type { ReferenceAgent } from './reference-agent.js'

/** Sandbox environments. */
export const provisioning: ReferenceAgent = {
  id: 'provisioning-agent',
  name: 'Provisioning Agent',
  type: 'provisioning',
  intents: {
    provision_sandbox_environment: ({ client_id }) => ({
      environment_id: idOf('env', client_id),
      status: 'ready',
    }),
    remove_sandbox_environment: (task) => ({
      environment_id: textIn(task, 'environment_id'),
      status: 'removed',
    }),
  },
}
