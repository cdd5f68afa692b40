import { idOf, textIn } from './inputs.js'
import type { ReferenceAgent } from './reference-agent.js'

/** Scans of an environment. */
export const security: ReferenceAgent = {
  id: 'security-agent',
  name: 'Security Agent',
  type: 'security',
  intents: {
    run_security_scan: (task) => {
      const environment = textIn(task, 'environment_id')
      const vulnerabilities = [
        { id: idOf('vuln', environment, 'tls'), severity: 'high', title: 'Certificate expires within 30 days' },
        { id: idOf('vuln', environment, 'headers'), severity: 'low', title: 'Security headers are missing' },
      ]
      return {
        scan_result: { scan_id: idOf('scan', environment), status: 'completed', critical: 0, high: 1, low: 1 },
        vulnerabilities,
      }
    },
  },
}
