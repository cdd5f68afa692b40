import { idOf, listIn, textIn } from './inputs.js'
import type { ReferenceAgent } from './reference-agent.js'

/** A pilot runs on as few as can still lose one. */
const pilotReplicas = 2
const usersPerReplica = 250

/** The client's deployment, from pilot size to full capacity and back. */
export const deployment: ReferenceAgent = {
  id: 'deployment-agent',
  name: 'Deployment Agent',
  type: 'deployment',
  intents: {
    deploy_production_environment: ({ client_id }) => ({
      deployment_id: idOf('dep', client_id),
      status: 'deployed',
    }),
    remove_production_environment: (task) => ({
      deployment_id: textIn(task, 'deployment_id'),
      status: 'removed',
    }),
    scale_deployment: (task) => ({
      deployment_id: idOf('dep', task.client_id),
      replicas: pilotReplicas + Math.ceil(listIn(task, 'users').length / usersPerReplica),
      status: 'scaled',
    }),
    scale_down_deployment: (task) => ({
      deployment_id: textIn(task, 'deployment_id'),
      replicas: pilotReplicas,
      status: 'scaled',
    }),
  },
}
