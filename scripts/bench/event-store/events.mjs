import { randomUUID } from 'node:crypto'
import { jsonEvent } from '@eventstore/db-client'

/** About 600 bytes of JSON, as the client sends it. */
export const body = () => ({ k: randomUUID(), text: 'x'.repeat(545) })

export const events = (count) => Array.from({ length: count }, () => jsonEvent({ type: 'Benched', data: body() }))
