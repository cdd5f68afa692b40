import type { DefaultedTime } from '../columns.js'

/** One row: what the relay proves events by. */
export type ProofSecretsTable = { name: string; secret: Buffer; made_at: DefaultedTime }
