/** Statements that PostgreSQL reads and plans once on each connection, since they come again and again. */
export type Prepared = {
  /** The name to send a text under; undefined while it has not come often. */
  nameOf(text: string): string | undefined
  /** The tables changed under a statement, so its plan is of no more use: the text gets another name. */
  forget(text: string): void
}

/** A text that has come this often is one of the service's own, and not one of the many that are alike but for their length. */
const oftenEnough = 5
/** Each costs PostgreSQL some memory on every connection. */
const mostNames = 200
const mostCounted = 1_000

export const createPrepared = (): Prepared => {
  const names = new Map<string, string>()
  const counts = new Map<string, number>()
  let given = 0
  return {
    nameOf: (text) => {
      const known = names.get(text)
      if (known !== undefined || names.size === mostNames) return known
      const count = (counts.get(text) ?? 0) + 1
      if (count < oftenEnough) {
        if (counts.size === mostCounted) counts.clear()
        counts.set(text, count)
        return undefined
      }
      counts.delete(text)
      const name = `often_${++given}`
      names.set(text, name)
      return name
    },
    forget: (text) => {
      names.delete(text)
    },
  }
}
