import { idOf, listIn, textIn } from './inputs.js'
import type { ReferenceAgent } from './reference-agent.js'

/** Glean connectors of an environment. */
export const connectors: ReferenceAgent = {
  id: 'connectors-agent',
  name: 'Connectors Agent',
  type: 'connectors',
  intents: {
    install_connectors: (task) => {
      const environment = textIn(task, 'environment_id')
      return {
        installed_connectors: listIn(task, 'connectors').map((connector) => ({
          connector_id: idOf('con', environment, JSON.stringify(connector)),
          connector,
          status: 'syncing',
        })),
      }
    },
    uninstall_connectors: (task) => ({ uninstalled_connectors: listIn(task, 'installed_connectors') }),
  },
}
