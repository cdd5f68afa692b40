import { listIn } from './inputs.js'
import type { ReferenceAgent } from './reference-agent.js'

/** Who may use a deployment. */
export const access: ReferenceAgent = {
  id: 'access-agent',
  name: 'Access Agent',
  type: 'access',
  intents: {
    configure_user_access: (task) => ({
      configured_users: listIn(task, 'users').map((user) => ({ user, role: 'pilot', status: 'active' })),
    }),
    revoke_user_access: (task) => ({ revoked_users: listIn(task, 'configured_users') }),
    enable_all_users: (task) => ({
      enabled_users: listIn(task, 'users').map((user) => ({ user, role: 'member', status: 'active' })),
    }),
    disable_all_users: (task) => ({ disabled_users: listIn(task, 'enabled_users') }),
  },
}
