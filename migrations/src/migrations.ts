import type { Migration } from 'kysely'
import { journeyStates } from './versions/001-journey-states.js'
import { unitOfWorks } from './versions/002-unit-of-works.js'
import { stageTransitions } from './versions/003-stage-transitions.js'
import { exitCriteriaResults } from './versions/004-exit-criteria-results.js'
import { approvals } from './versions/005-approvals.js'
import { agents } from './versions/006-agents.js'
import { journeyEvents } from './versions/007-journey-events.js'
import { gates } from './versions/008-gates.js'
import { commands } from './versions/009-commands.js'
import { deadLetters } from './versions/010-dead-letters.js'
import { replays } from './versions/011-replays.js'
import { deliveries } from './versions/012-deliveries.js'
import { checkpoints } from './versions/013-checkpoints.js'
import { sagas } from './versions/014-sagas.js'
import { replayProgress } from './versions/015-replay-progress.js'
import { triage } from './versions/016-triage.js'
import { dataKeys } from './versions/020-data-keys.js'
import { begunDeliveries } from './versions/025-begun-deliveries.js'
import { discardedStreams } from './versions/026-discarded-streams.js'
import { partitions } from './versions/028-partitions.js'
import { serviceFigures } from './versions/030-service-figures.js'
import { archiveJobs } from './versions/035-archive-jobs.js'
import { receivedIds } from './versions/036-received-ids.js'
import { outsideAgents } from './versions/040-outside-agents.js'
import { receivedEvents } from './versions/041-received-events.js'
import { knowledgeShares } from './versions/042-knowledge-shares.js'
import { patterns } from './versions/043-patterns.js'
import { notifications } from './versions/044-notifications.js'
import { controlActions } from './versions/045-control-actions.js'
import { proofSecrets } from './versions/048-proof-secrets.js'

/** Every migration in its order. Forward only: what was once released is never changed, only followed by another. */
export const migrations: Record<string, Migration> = {
  '001-journey-states': journeyStates,
  '002-unit-of-works': unitOfWorks,
  '003-stage-transitions': stageTransitions,
  '004-exit-criteria-results': exitCriteriaResults,
  '005-approvals': approvals,
  '006-agents': agents,
  '007-journey-events': journeyEvents,
  '008-gates': gates,
  '009-commands': commands,
  '010-dead-letters': deadLetters,
  '011-replays': replays,
  '012-deliveries': deliveries,
  '013-checkpoints': checkpoints,
  '014-sagas': sagas,
  '015-replay-progress': replayProgress,
  '016-triage': triage,
  '020-data-keys': dataKeys,
  '025-begun-deliveries': begunDeliveries,
  '026-discarded-streams': discardedStreams,
  '028-partitions': partitions,
  '030-service-figures': serviceFigures,
  '035-archive-jobs': archiveJobs,
  '036-received-ids': receivedIds,
  '040-outside-agents': outsideAgents,
  '041-received-events': receivedEvents,
  '042-knowledge-shares': knowledgeShares,
  '043-patterns': patterns,
  '044-notifications': notifications,
  '045-control-actions': controlActions,
  '048-proof-secrets': proofSecrets,
}
