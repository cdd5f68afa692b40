import type { RecordedEvent } from './recorded-event.js'

/** What a reader is given: an event, or a link with the event it points to, if that can still be read. */
export type Delivery = { readonly event: RecordedEvent | undefined; readonly link: RecordedEvent | undefined }

export const unresolved = (event: RecordedEvent): Delivery => ({ event, link: undefined })

/** Where a link event points to; undefined for what is not a link, or one that cannot be read. */
export const targetOf = ({ type, data }: RecordedEvent): { stream: string; revision: bigint } | undefined => {
  if (type !== '$>') return undefined
  const [, revision, stream] = /^\s*([+-]?\d{1,19})\s*@(.*)$/s.exec(Buffer.from(data).toString('utf8')) ?? []
  if (revision === undefined || stream === undefined) return undefined
  const number = BigInt(revision.replace('+', ''))
  return BigInt.asIntN(64, number) === number ? { stream, revision: number } : undefined
}
