/** Says when the next turn of a job may begin. */
export interface Pace {
  /** @param begunAt when a turn of so many began, in milliseconds */
  next(begunAt: number, count: number): number
}

const secondMs = 1_000

/**
 * So many per second, evenly, and in no second more. What a turn came too late by is made good by those that follow it within a second, at twice
 * the pace at most; what is more than a second late is not made good.
 */
export const createPace = (perSecond: number): Pace => {
  let dueAt: number | undefined
  const turns: { at: number; count: number }[] = []
  /** When there is room for so many among those of the second before. */
  const roomFor = (count: number): number => {
    let sent = turns.reduce((sum, turn) => sum + turn.count, 0)
    let at = -Infinity
    while (turns[0] && sent + count > perSecond) {
      sent -= turns[0].count
      at = turns.shift()!.at + secondMs
    }
    return at
  }
  return {
    next: (begunAt, count) => {
      const turnMs = (count * secondMs) / perSecond
      turns.push({ at: begunAt, count })
      while (turns[0]!.at <= begunAt - secondMs) turns.shift()
      dueAt = Math.max(dueAt ?? begunAt, begunAt - secondMs) + turnMs
      return Math.max(dueAt, begunAt + turnMs / 2, roomFor(count))
    },
  }
}
