import { idOf, textIn } from './inputs.js'
import type { ReferenceAgent } from './reference-agent.js'

/** The example domain of RFC 2606: these dashboards stand for somebody's real ones. */
const dashboards = 'https://monitoring.example.com/d'

/** Dashboards and alerts of a deployment. */
export const monitoring: ReferenceAgent = {
  id: 'monitoring-agent',
  name: 'Monitoring Agent',
  type: 'monitoring',
  intents: {
    setup_monitoring: (task) => ({
      dashboard_url: `${dashboards}/${idOf('pilot', textIn(task, 'deployment_id'))}`,
    }),
    remove_monitoring: (task) => ({ deployment_id: textIn(task, 'deployment_id'), status: 'removed' }),
    enable_production_monitoring: (task) => ({
      monitoring_id: idOf('mon', textIn(task, 'deployment_id')),
      alert_rules: ['availability', 'p95_latency', 'error_rate', 'connector_sync'],
    }),
    disable_production_monitoring: (task) => ({
      monitoring_id: textIn(task, 'monitoring_id'),
      status: 'disabled',
    }),
    publish_dashboard: (task) => {
      const dashboard_id = idOf('dash', task.client_id, textIn(task, 'monitoring_id'))
      return { dashboard_id, dashboard_url: `${dashboards}/${dashboard_id}` }
    },
    withdraw_dashboard: (task) => ({ dashboard_id: textIn(task, 'dashboard_id'), status: 'withdrawn' }),
  },
}
