import type { AnyRecorded } from '@journey/contracts'
import type { AppliedSlice, Batch, Deaths, Step } from '@journey/read-model'
import { malformed, type Fault } from '@journey/runtime'

/** How often the events of a stream may take their process with them. */
const mostDeaths = 5

export type SuspectsPorts = {
  /** `applySlice` of the read model. */
  apply: (batch: Batch) => Promise<AppliedSlice<Step>>
  /** Puts a stream aside without applying anything of it; `parkUntried` of the read model. */
  park: (stream: string, events: readonly AnyRecorded[], why: Fault) => Promise<AppliedSlice<Step>>
  /** Where it is written down which streams were begun; it outlives this process. */
  begun: {
    deaths: (streams: readonly string[]) => Promise<ReadonlyMap<string, Deaths>>
    note: (streams: readonly string[]) => Promise<void>
    takeBack: (streams: readonly string[]) => Promise<void>
    forget: (streams: readonly string[]) => Promise<void>
  }
}

/**
 * Applies a slice of a batch as a whole, unless part of it came before and ended this process then. Streams whose events come again are
 * written down before they are applied and crossed out after that, slice by slice; one found written down has died, or stood beside one that
 * did. Those are applied one at a time, after all others, so that the next death has one culprit alone. A stream that was begun five
 * times in vain is put aside as poison, and everything else flows on. Cut connections count nothing: then the process lives to
 * cross out.
 */
export const createApply =
  ({ apply, park, begun }: SuspectsPorts) =>
  /** @param again the streams that a message of the batch came again for */
  async ({ events, freed }: Batch, again: ReadonlySet<string>): Promise<AppliedSlice<Step>[]> => {
    if (again.size === 0) return [await apply({ events, freed })]
    const watched = async (some: Batch, streams: readonly string[]): Promise<AppliedSlice<Step>> => {
      if (streams.length > 0) await begun.note(streams)
      try {
        const applied = await apply(some)
        if (streams.length > 0) await begun.forget(streams)
        return applied
      } catch (error) {
        if (streams.length > 0) await begun.takeBack(streams).catch(() => undefined) // one too many then, until they are done
        throw error
      }
    }
    const deaths = await begun.deaths([...again])
    const timesOf = (stream: string): number => deaths.get(stream)?.times ?? 0
    const suspects = [...again].filter((stream) => timesOf(stream) > 0)
    const others = events.filter(({ stream }) => !suspects.includes(stream))
    const results: AppliedSlice<Step>[] = []
    if (others.length > 0 || freed.length > 0)
      results.push(
        await watched(
          { events: others, freed },
          [...again].filter((stream) => !suspects.includes(stream)),
        ),
      )
    for (const stream of suspects) {
      const its = events.filter((event) => event.stream === stream)
      if (timesOf(stream) < mostDeaths) results.push(await watched({ events: its, freed: [] }, [stream]))
      else {
        results.push(await park(stream, its, poison(stream, timesOf(stream))))
        await begun.forget([stream])
      }
    }
    return results
  }

const poison = (stream: string, times: number): Fault =>
  malformed(
    'projection/poison',
    `Applying events of ${stream} was begun ${times} times, and each time the process died. Look there for the cause, then retry it.`,
  )
