/** Where the snapshots of a stream are kept. The name is a promise; as a category it is none of ours. */
export const snapshotStreamOf = (stream: string): string => `${snapshotPrefix}${stream}`

const snapshotPrefix = 'snapshot-'

/**
 * Whether an event is of the inside: the system's own, or a snapshot, which says nothing that its stream does not say. Whoever
 * reads the whole log is never handed one.
 */
export const isInside = ({ type, stream }: { type: string; stream: string }): boolean =>
  type.startsWith('$') || stream.startsWith('$') || stream.startsWith(snapshotPrefix)
