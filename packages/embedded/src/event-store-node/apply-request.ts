import { randomUUID } from 'node:crypto'
import { decideAppend, decideRemoval, type Expected } from './decide-append.js'
import type { Draft } from './draft.js'
import { lastRevision, metastreamOf, originalOf, type ProposedEvent } from './recorded-event.js'
import { firstVisibleRevision, softDeletion, withTruncateBefore } from './stream-metadata.js'

/** What a client asks the writer for. */
export type WriteRequest =
  | {
      readonly kind: 'append'
      readonly stream: string
      readonly expected: Expected
      readonly events: readonly ProposedEvent[]
    }
  | { readonly kind: 'delete' | 'tombstone'; readonly stream: string; readonly expected: Expected }

export type WriteOutcome =
  /** `revision` is -1 for a stream without events; `position` is undefined when that event is no longer visible. */
  | { readonly kind: 'written'; readonly revision: bigint; readonly position: bigint | undefined }
  | { readonly kind: 'wrong_version'; readonly current: bigint }
  | { readonly kind: 'deleted' }

/** Decides one request on a draft and adds what it writes. A refused request adds nothing. */
export const applyRequest = (draft: Draft, request: WriteRequest): WriteOutcome =>
  request.kind === 'append'
    ? append(draft, request.stream, request.expected, request.events)
    : remove(draft, request.kind, request.stream, request.expected)

const append = (draft: Draft, stream: string, expected: Expected, events: readonly ProposedEvent[]): WriteOutcome => {
  const before = draft.view(stream)
  const ids = draft.idsOf(stream)
  const decision = decideAppend(
    expected,
    events.map(({ id }) => id),
    before,
    ids,
  )
  switch (decision.kind) {
    case 'deleted':
      return { kind: 'deleted' }
    case 'wrong_version':
      return { kind: 'wrong_version', current: before.last }
    case 'repeated': {
      const { revision } = decision
      const isVisible = !before.softDeleted && revision >= firstVisibleRevision(before.metadata, before.last)
      const position = isVisible ? ids.positionAt(events.at(-1)?.id ?? '', revision) : undefined
      return { kind: 'written', revision, position }
    }
    case 'append': {
      const original = originalOf(stream)
      const revived = before.softDeleted ? stream : original
      const wasSoftDeleted = revived !== undefined && draft.view(revived).softDeleted
      const next = revived === undefined ? 0n : draft.headOf(revived).last + 1n
      draft.append(stream, events)
      const { position } = draft
      if (wasSoftDeleted) undelete(draft, revived, next)
      return { kind: 'written', revision: before.last + BigInt(events.length), position }
    }
  }
}

/** A soft-deleted stream that is written to, or whose metadata is written, is back; what it held before stays invisible. */
const undelete = (draft: Draft, stream: string, firstVisible: bigint): void => {
  const metastream = metastreamOf(stream)
  const data = withTruncateBefore(draft.headOf(metastream).content?.data ?? Buffer.alloc(0), firstVisible)
  if (data) draft.append(metastream, [metadataEvent(data)])
}

const remove = (draft: Draft, kind: 'delete' | 'tombstone', stream: string, expected: Expected): WriteOutcome => {
  const before = draft.view(stream)
  const decision = decideRemoval(kind, expected, before)
  if (decision.kind === 'wrong_version') return { kind: 'wrong_version', current: before.last }
  const metastream = metastreamOf(stream)
  if (decision.kind === 'deleted' || (kind === 'delete' && draft.view(metastream).tombstoned))
    return { kind: 'deleted' }
  if (kind === 'delete') draft.append(metastream, [metadataEvent(softDeletion())])
  else draft.append(stream, [event('$streamDeleted', false, Buffer.alloc(0))], lastRevision)
  return { kind: 'written', revision: before.last, position: draft.position }
}

const event = (type: string, isJson: boolean, data: Uint8Array): ProposedEvent => ({
  id: randomUUID(),
  type,
  isJson,
  data,
  metadata: Buffer.alloc(0),
})

const metadataEvent = (data: Uint8Array): ProposedEvent => event('$metadata', true, data)
