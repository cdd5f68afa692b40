/** Runs work of one key one after another, in the order asked for, and work of different keys at once. */
export class Turns {
  private readonly tails = new Map<string, Promise<void>>()

  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.tails.get(key)
    const turn = before ? before.then(work) : work()
    const tail = turn.then(ignore, ignore).then(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key)
    })
    this.tails.set(key, tail)
    return turn
  }
}

const ignore = (): void => undefined
