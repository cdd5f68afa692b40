import { idOf, listIn, shareOf, textIn } from './inputs.js'
import type { ReferenceAgent } from './reference-agent.js'

/** Test datasets (DDD-002, context map: DataOps). */
export const dataOps: ReferenceAgent = {
  id: 'dataops-agent',
  name: 'DataOps Lifecycle Agent',
  type: 'dataops',
  intents: {
    provision_test_dataset: (task) => {
      const sources = listIn(task, 'data_sources').map((source) => JSON.stringify(source))
      const records = sources.map((source) => 1_000 + Math.floor(4_000 * shareOf(task.client_id, source)))
      return {
        dataset_id: idOf('ds', textIn(task, 'environment_id')),
        record_count: records.reduce((sum, count) => sum + count, 0),
      }
    },
    teardown_dataset: (task) => ({ dataset_id: textIn(task, 'dataset_id'), status: 'deleted' }),
  },
}
