import { IsInt, Max, Min } from 'class-validator'
import { projectorQueues } from '@journey/contracts'
import { FromEnv, ServerSettings } from '@journey/runtime'

export class Settings extends ServerSettings {
  /** Over how many queues the buckets are shared out at the very first start; `npm run topology` changes it later. */
  @FromEnv('JOURNEY_PROJECTOR_QUEUES') @IsInt() @Min(1) @Max(64) queues = projectorQueues
  /** Events in one transaction at most. A batch of 100 has most of the gain already (limits.md section 5). */
  @FromEnv('JOURNEY_PROJECTOR_BATCH') @IsInt() @Min(1) @Max(5_000) maxBatch = 200
  /** How long the first event of a batch waits for company while nothing else is under way. */
  @FromEnv('JOURNEY_PROJECTOR_LINGER_MS') @IsInt() @Min(0) @Max(1_000) lingerMs = 3
}
