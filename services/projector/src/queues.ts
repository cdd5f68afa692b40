import { setTimeout as sleep } from 'node:timers/promises'
import { projectorQueue, type Partitions } from '@journey/contracts'
import { messageOf, type Log, type Part } from '@journey/runtime'

/** Who shrinks the partitions waits for us to let go, so not for long. */
const lookEveryMs = 1_000

/**
 * Reads from as many of the projector's queues as the partitions say, and follows within a second or so when that changes: takes up new
 * ones, and lets go of those that are no longer needed once the batch under way is through.
 *
 * @param partitions asked again and again
 * @param open makes the part that reads from one queue
 */
export const createQueues = ({
  partitions,
  open,
  log,
}: {
  partitions: () => Promise<Partitions>
  open: (queue: string) => Part
  log: Log
}): Part & { look(): Promise<void> } => {
  const stopping = new AbortController()
  const reading: { part: Part; started: Promise<void> }[] = []
  let following: Promise<void> | undefined
  let looking: Promise<void> = Promise.resolve()

  const follow = async (): Promise<void> => {
    const { queues, count } = await partitions()
    if (queues === reading.length) return
    log.info({ queues, before: reading.length, partitions: count }, 'reading from another number of queues')
    while (reading.length < queues && !stopping.signal.aborted) {
      const part = open(projectorQueue(reading.length))
      reading.push({ part, started: part.start() })
    }
    await Promise.all(reading.splice(queues).map(({ part }) => part.stop()))
  }

  const keepFollowing = async (): Promise<void> => {
    while (await sleep(lookEveryMs, true, { signal: stopping.signal }).catch(() => false)) {
      await (looking = looking.catch(() => undefined).then(follow)).catch((error: unknown) =>
        log.warn({ reason: messageOf(error) }, 'how many queues to read from is not known now; going on as before'),
      )
    }
  }

  return {
    name: 'queues',
    /** Follows now. */
    look: () => (looking = looking.catch(() => undefined).then(follow)),
    start: async () => {
      await follow()
      await Promise.all(reading.map(({ started }) => started))
      following ??= keepFollowing()
    },
    stop: async () => {
      stopping.abort()
      await following
      await Promise.all(reading.splice(0).map(({ part }) => part.stop()))
    },
  }
}
