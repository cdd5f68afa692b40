/** Work that stops before each of its steps until it is told to go on. */
export type Stepped<Result> = {
  /** Lets it take one step; resolves when it stands before the next, or has ended. */
  step: () => Promise<void>
  /** Lets it go on until it stands before the step of this name. */
  until: (name: string) => Promise<void>
  hasEnded: () => boolean
  /** What it came to. */
  result: Promise<Result>
}

/** Stands in the way of whoever works: `before` waits until the next step is allowed. One piece of work at a time. */
export class Steps {
  private standsBefore = ''
  private open: (() => void) | undefined
  private arrived: (() => void) | undefined

  before =
    <Args extends unknown[], Result>(name: string, work: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await this.wait(name)
      return work(...args)
    }

  wait = (name: string): Promise<void> =>
    new Promise((resolve) => {
      this.standsBefore = name
      this.open = resolve
      this.arrived?.()
    })

  /** @param work begins with the first step */
  take<Result>(work: () => Promise<Result>): Stepped<Result> {
    let ended = false
    const hasEnded = () => ended
    const result = this.wait('begin')
      .then(work)
      .finally(() => {
        ended = true
        this.arrived?.()
      })
    result.catch(() => undefined) // told to whoever asks
    const step = async () => {
      if (ended) return
      const arrives = new Promise<void>((resolve) => (this.arrived = resolve))
      this.open?.()
      await arrives
    }
    return {
      step,
      until: async (name) => {
        while (!ended && this.standsBefore !== name) await step()
        if (ended) throw new Error(`It ended and never stood before ${name}`)
      },
      hasEnded,
      result,
    }
  }
}
