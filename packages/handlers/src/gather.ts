import { Journey, Process, UnitOfWork, journeyStream, unitOfWorkStream } from '@journey/domain'
import type { Configuration } from '@journey/contracts'
import type { Repository } from '@journey/event-store'

/**
 * Loads what the process must look at before it reacts to an event: its own stream from the event on, the others as they are
 * now. So of two events of different streams, at least the one handled later sees both; and what came after an event in its
 * own stream is looked at when that is handled.
 */
export type Gather = (recorded: Happening) => Promise<Process.World>

/** An event with its place. */
export type Happening = { event: Process.Event; stream: string; revision: number }

export const createGather = ({
  journeys,
  works,
  configuration: { catalog, auto_rollback, re_evaluation_ms },
}: {
  journeys: Pick<Repository<Journey.State>, 'load'>
  works: Pick<Repository<UnitOfWork.State>, 'load'>
  configuration: Pick<Configuration, 'catalog' | 'auto_rollback' | 're_evaluation_ms'>
}): Gather => {
  return async ({ event, stream: own, revision }) => {
    const load = async <State>(from: Pick<Repository<State>, 'load'>, stream: string): Promise<State> =>
      (await from.load(stream, stream === own ? { atLeast: revision } : undefined)).state
    const loadWork = (workId: string) => load(works, unitOfWorkStream(workId))
    const { client_id, work_id } = Process.needsOf(event)
    const [journey, work] = await Promise.all([
      client_id === undefined ? Journey.initial : load(journeys, journeyStream(client_id)),
      work_id === undefined ? undefined : loadWork(work_id),
    ])
    const behind = Process.worksBehind(event, journey, work).filter((id) => id !== work_id)
    const loaded = await Promise.all([...new Set(behind)].map(async (id) => [id, await loadWork(id)] as const))
    const known = new Map<string, UnitOfWork.State>(loaded)
    if (work_id !== undefined && work) known.set(work_id, work)
    return { journey, works: known, catalog, rules: { auto_rollback, re_evaluation_ms } }
  }
}
