import { Journey, Process, UnitOfWork, journeyStream, unitOfWorkStream } from '@journey/domain'
import type { Configuration } from '@journey/contracts'
import type { Repository } from '@journey/event-store'

/** Loads what the process must look at before it reacts to an event: the streams as they are now. */
export type Gather = (event: Process.Event) => Promise<Process.World>

export const createGather = ({
  journeys,
  works,
  configuration: { catalog, auto_rollback, re_evaluation_ms },
}: {
  journeys: Pick<Repository<Journey.State>, 'load'>
  works: Pick<Repository<UnitOfWork.State>, 'load'>
  configuration: Pick<Configuration, 'catalog' | 'auto_rollback' | 're_evaluation_ms'>
}): Gather => {
  const loadWork = async (workId: string): Promise<UnitOfWork.State> =>
    (await works.load(unitOfWorkStream(workId))).state
  return async (event) => {
    const { client_id, work_id } = Process.needsOf(event)
    const [journey, work] = await Promise.all([
      client_id === undefined ? Journey.initial : journeys.load(journeyStream(client_id)).then(({ state }) => state),
      work_id === undefined ? undefined : loadWork(work_id),
    ])
    const behind = Process.worksBehind(event, journey, work).filter((id) => id !== work_id)
    const loaded = await Promise.all([...new Set(behind)].map(async (id) => [id, await loadWork(id)] as const))
    const known = new Map<string, UnitOfWork.State>(loaded)
    if (work_id !== undefined && work) known.set(work_id, work)
    return { journey, works: known, catalog, rules: { auto_rollback, re_evaluation_ms } }
  }
}
