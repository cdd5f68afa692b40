import { sagaQueue } from '@journey/contracts'
import {
  createLyingBroker,
  eachSeed,
  randomOf,
  temperOf,
  type ChaosResult,
  type ChaosRun,
  type LyingBroker,
} from '@journey/messaging/testing'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { freshClient, journeyOf, start, worksOf } from './journeys.js'
import { readLog } from './log.js'
import { environmentOf, spawnService, startSystem, until, type System } from './system.js'

const clients = 2
const measuredWithinMs = 150_000
/** Connections are cut when nothing came for so long, and for twice as long after a cut that brought nothing. */
const quietMs = 300

/**
 * Runs the whole system with the saga-processor behind a lying broker, once for each seed: some journeys are taken to production while
 * the broker drops, repeats and reorders the events for the process and closes channels and connections, as the seed says; what is
 * dropped comes again after the next cut. Each journey must end as one does to which nobody lied, with every task done in one
 * attempt, and the streams must be without holes. Stops at the first seed that fails.
 */
export const runChaos = async (run: ChaosRun): Promise<ChaosResult> => {
  const system = await startSystem()
  const lying = await createLyingBroker(system.endpoints.amqp, (queue) => queue === sagaQueue, { isLost: false })
  const own = system.stack.processes().get('saga-processor')!
  const env = environmentOf(own.pid()!)
  await own.stop()
  const child = await spawned({ ...env, RABBITMQ_URL: lying.url, JOURNEY_HEALTH_PORT: '0' })

  const runSeed = async (seed: number, wanted: object): Promise<string | undefined> => {
    const temper = temperOf(randomOf(seed))
    lying.lie = () => temper()
    const isOver = new AbortController()
    const cutting = cutWhenQuiet(lying, isOver.signal)
    const names = Array.from({ length: clients }, () => freshClient('chaos'))
    try {
      for (const name of names) await start(system, name)
      await Promise.all(names.map((name) => untilMeasured(system, name)))
    } catch (error) {
      return String(error)
    } finally {
      isOver.abort()
      await cutting
      lying.lie = undefined
      lying.cut()
    }
    for (const name of names) {
      const shape = await shapeOf(system, name)
      if (!isDeepStrictEqual(shape, wanted))
        return `${name} ended as\n${JSON.stringify(shape)}\nand not as\n${JSON.stringify(wanted)}`
    }
    return wrongStream(system)
  }

  try {
    const control = freshClient('truth')
    await start(system, control)
    await untilMeasured(system, control)
    const wanted = await shapeOf(system, control)
    return { ...(await eachSeed(run, (seed) => runSeed(seed, wanted))), told: lying.told }
  } finally {
    child.kill('SIGKILL')
    await lying.close()
    await system.stop()
  }
}

/** What the liar holds back comes again after a cut. */
const cutWhenQuiet = async (lying: LyingBroker, signal: AbortSignal): Promise<void> => {
  let before = 0
  for (let waitMs = quietMs; await sleep(waitMs, true, { signal }).catch(() => false);) {
    const now = Object.values(lying.told).reduce((sum, times) => sum + times)
    if (now === before) {
      lying.cut()
      waitMs = Math.min(2 * waitMs, 5_000)
    } else waitMs = quietMs
    before = now
  }
}

/** As far as a journey goes by itself: set up in production, and its success measured. */
const untilMeasured = (system: System, client: string) =>
  until(
    `${client} is measured in production`,
    async () => {
      const works = await worksOf(system, client, 'production')
      return works.some(({ kind, status }) => kind === 'gate' && status === 'completed')
    },
    measuredWithinMs,
  )

type ShownWork = Record<'stage' | 'kind' | 'status', string> & {
  n: number
  tasks: { task_id: string; status: string; attempts: unknown[] }[]
}

/** What all journeys to production have in common: where they stand, and what became of each task in how many attempts. */
const shapeOf = async (system: System, client: string): Promise<object> => {
  const { current_stage, status } = (await journeyOf(system, client)) as Record<string, string>
  const works = (await worksOf(system, client)) as ShownWork[]
  return {
    current_stage,
    status,
    works: works
      .map(({ stage, kind, n, status: of, tasks }) => ({
        work: `${stage} ${kind} ${n} ${of}`,
        tasks: tasks.map((task) => `${task.task_id} ${task.status} ${task.attempts.length}`).sort(),
      }))
      .sort((one, other) => (one.work < other.work ? -1 : 1)),
  }
}

const wrongStream = async (system: System): Promise<string | undefined> => {
  const log = await readLog(system.endpoints.event_store)
  const next = new Map<string, number>()
  for (const { stream, revision } of log) {
    if (revision !== (next.get(stream) ?? 0)) return `${stream} has a hole before ${revision}`
    next.set(stream, revision + 1)
  }
  return new Set(log.map(({ id }) => id)).size === log.length ? undefined : 'an event stands twice in the log'
}

const spawned = async (env: Record<string, string>): Promise<ChildProcess> => {
  const child = spawnService('saga-processor', env)
  await once(child, 'spawn')
  return child
}
