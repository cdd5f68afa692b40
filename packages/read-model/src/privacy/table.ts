import type { Selectable } from 'kysely'
import type { KeyOwner } from '@journey/contracts'
import type { Actor } from '@journey/domain'
import type { DefaultedTime, JsonColumn, NullableJsonColumn, Optional, OptionalTime } from '../columns.js'

/**
 * The keys that content is sealed with: one at a time for each client, and one (`client_id` empty) for what belongs to none.
 * A destroyed one keeps its row, without the key, so that none is made again by accident; a new journey brings the next
 * generation.
 */
export type DataKeysTable = {
  client_id: KeyOwner
  generation: number
  key_id: string
  /** Under the master key, by AES-256-GCM; null once it is destroyed. */
  wrapped: Optional<Buffer>
  master_key_id: Optional<string>
  created_at: DefaultedTime
  rewrapped_at: OptionalTime
  destroyed_at: OptionalTime
}

export type DataKeyRow = Selectable<DataKeysTable>

/** Who asked that a client be erased, why, who confirmed it, and what went. Kept for good: the audit of erasures. */
export type ErasuresTable = {
  id: string
  client_id: string
  reason: string
  requested_by: JsonColumn<Actor>
  requested_at: DefaultedTime
  confirmed_by: NullableJsonColumn<Actor>
  erased_at: OptionalTime
  /** How many of each went. */
  removed: NullableJsonColumn<Record<string, number>>
}

export type ErasureRow = Selectable<ErasuresTable>
