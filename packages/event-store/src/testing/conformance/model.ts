/** What a writer expects of a stream: a number is the revision of its last event. */
export type Expected = 'any' | 'no_stream' | 'stream_exists' | bigint

/** An event as the model keeps it: `text` is its data. */
export type Stored = { stream: string; revision: bigint; id: string; type: string; isJson: boolean; text: string }
export type Proposed = Pick<Stored, 'id' | 'type' | 'isJson' | 'text'>

/** What an append, a delete or a tombstone comes to; `at` is an index into the log, undefined where no position is told. */
export type Outcome =
  | { kind: 'written'; revision: bigint; at: number | undefined }
  | { kind: 'wrong version'; actual: bigint }
  | { kind: 'deleted' }

const greatest = 9_223_372_036_854_775_807n
const ofStream = (metastream: string): string | undefined =>
  metastream.startsWith('$$') ? metastream.slice(2) : undefined

/**
 * The event store as `esdb-protocol.md` words it (3.3, 4.2, 6), small and slow: everything is looked up in the log each time.
 * Nothing of it is shared with the node, so that both have to be wrong in the same way to agree wrongly.
 */
export class Model {
  readonly log: Stored[] = []

  events(stream: string): Stored[] {
    return this.log.filter((event) => event.stream === stream)
  }

  last(stream: string): bigint {
    return this.events(stream).at(-1)?.revision ?? -1n
  }

  isTombstoned(stream: string): boolean {
    const original = ofStream(stream)
    return this.last(stream) === greatest || (original !== undefined && this.last(original) === greatest)
  }

  isSoftDeleted(stream: string): boolean {
    return ofStream(stream) === undefined && this.#limits(stream).truncateBefore === greatest
  }

  /** What a read from the start shows. */
  visible(stream: string): Stored[] | 'missing' | 'deleted' {
    if (this.isTombstoned(stream)) return 'deleted'
    const events = this.events(stream)
    if (events.length === 0 || this.isSoftDeleted(stream)) return 'missing'
    const first = this.#firstVisible(stream)
    return events.filter(({ revision }) => revision >= first)
  }

  append(stream: string, expected: Expected, proposed: readonly Proposed[]): Outcome {
    if (this.isTombstoned(stream)) return { kind: 'deleted' }
    const last = this.last(stream)
    const wrong: Outcome = { kind: 'wrong version', actual: last }
    const stored = this.events(stream)
    if (expected === 'stream_exists') {
      if (this.isSoftDeleted(stream)) return { kind: 'deleted' }
      if (last < 0n && this.events(`$$${stream}`).length === 0) return wrong
    }
    if (expected === 'any' || expected === 'stream_exists') {
      const known = proposed.map(({ id }) => stored.findLast((event) => event.id === id))
      if (known[0] === undefined) return this.#write(stream, proposed)
      const lastKnown = known.at(-1)
      return known.includes(undefined) || !lastKnown ? wrong : this.#repeated(lastKnown)
    }
    const after = expected === 'no_stream' ? -1n : expected
    if (last === after) return this.#write(stream, proposed)
    if (after > last) return wrong
    const isNewLife =
      expected === 'no_stream' && this.isSoftDeleted(stream) && proposed[0] && stored[0]?.id !== proposed[0].id
    if (isNewLife) return this.#write(stream, proposed)
    const before = stored.filter(({ revision }) => revision > after).slice(0, proposed.length)
    const isSame = proposed.length > 0 && proposed.every(({ id }, index) => before[index]?.id === id)
    const end = before.at(-1)
    return isSame && end ? this.#repeated(end) : wrong
  }

  delete(stream: string, expected: Expected): Outcome {
    const refusal = this.#refusesRemoval(stream, expected)
    if (refusal) return refusal
    const last = this.last(stream)
    if (last < 0n && this.events(`$$${stream}`).length === 0) return { kind: 'wrong version', actual: -1n }
    this.#add(`$$${stream}`, metadata(softDeletion))
    return { kind: 'written', revision: last, at: this.log.length - 1 }
  }

  tombstone(stream: string, expected: Expected): Outcome {
    const refusal = this.#refusesRemoval(stream, expected)
    if (refusal) return refusal
    const last = this.last(stream)
    this.#add(stream, { id: '', type: '$streamDeleted', isJson: false, text: '' }, greatest)
    return { kind: 'written', revision: last, at: this.log.length - 1 }
  }

  #refusesRemoval(stream: string, expected: Expected): Outcome | undefined {
    if (this.isTombstoned(stream)) return { kind: 'deleted' }
    const last = this.last(stream)
    const wrong: Outcome = { kind: 'wrong version', actual: last }
    switch (expected) {
      case 'any':
        return undefined
      case 'no_stream':
        return last < 0n || this.isSoftDeleted(stream) ? undefined : wrong
      case 'stream_exists':
        if (this.isSoftDeleted(stream)) return { kind: 'deleted' }
        return last < 0n && this.events(`$$${stream}`).length === 0 ? wrong : undefined
      default:
        return last === expected ? undefined : wrong
    }
  }

  #write(stream: string, proposed: readonly Proposed[]): Outcome {
    const original = ofStream(stream)
    const revived = original ?? stream
    const wasDeleted = this.isSoftDeleted(revived)
    const next = this.last(revived) + 1n
    for (const event of proposed) this.#add(stream, event)
    const at = proposed.length > 0 ? this.log.length - 1 : undefined
    const revision = this.last(stream)
    if (wasDeleted) {
      const content = this.events(`$$${revived}`).at(-1)
      const json = content && parse(content.text)
      if (json) this.#add(`$$${revived}`, metadata(JSON.stringify({ ...json, $tb: Number(next) })))
    }
    return { kind: 'written', revision, at }
  }

  #repeated(event: Stored): Outcome {
    const { stream, revision } = event
    const isVisible = !this.isSoftDeleted(stream) && revision >= this.#firstVisible(stream)
    return { kind: 'written', revision, at: isVisible ? this.log.indexOf(event) : undefined }
  }

  #add(stream: string, event: Proposed, revision = this.last(stream) + 1n): void {
    this.log.push({ ...event, stream, revision })
  }

  #firstVisible(stream: string): bigint {
    const { maxCount, truncateBefore } = this.#limits(stream)
    const byCount = maxCount === undefined ? 0n : this.last(stream) - maxCount + 1n
    return byCount > truncateBefore ? byCount : truncateBefore
  }

  #limits(stream: string): { maxCount?: bigint; truncateBefore: bigint } {
    if (ofStream(stream) !== undefined) return { maxCount: 1n, truncateBefore: 0n }
    const content = this.events(`$$${stream}`).at(-1)
    if (content?.isJson === true && content.text === softDeletion) return { truncateBefore: greatest }
    const json = content?.isJson === true ? parse(content.text) : undefined
    if (!json || !isSound(json)) return { truncateBefore: 0n }
    const maxCount = json.$maxCount as number | undefined
    const truncateBefore = BigInt((json.$tb as number | undefined) ?? 0)
    return {
      ...(maxCount !== undefined && maxCount > 0 ? { maxCount: BigInt(maxCount) } : {}),
      truncateBefore: truncateBefore > 0n ? truncateBefore : 0n,
    }
  }
}

/** The only number of the model's histories that `JSON.parse` would round. */
const softDeletion = `{"$tb":${greatest}}`
const metadata = (text: string): Proposed => ({ id: '', type: '$metadata', isJson: true, text })

const parse = (text: string): Record<string, unknown> | undefined => {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** One wrongly typed known key spoils the whole. */
const isSound = (json: Record<string, unknown>): boolean =>
  ['$maxCount', '$maxAge', '$tb', '$cacheControl'].every(
    (key) => json[key] === undefined || (Number.isInteger(json[key]) && Math.abs(Number(json[key])) < 2 ** 63),
  ) && isAcl(json.$acl)

const isAcl = (acl: unknown): boolean =>
  acl === undefined ||
  (typeof acl === 'object' &&
    acl !== null &&
    !Array.isArray(acl) &&
    Object.entries(acl).every(
      ([key, roles]) =>
        ['$r', '$w', '$d', '$mr', '$mw'].includes(key) &&
        (Array.isArray(roles) ? roles : [roles]).every((role) => typeof role === 'string'),
    ))
