import type { DefaultedTime } from '../columns.js'

/** One row for each ordered consumer: over how many queues its buckets are shared out, and how many it reads from. */
export type PartitionsTable = { consumer: string; count: number; queues: number; changed_at: DefaultedTime }
