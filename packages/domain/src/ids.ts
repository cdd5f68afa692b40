import { v5 as uuidv5 } from 'uuid'
import type { StageId } from './journey/stages.js'

/** The name space of every id that is derived rather than drawn; a promise: changing it would make repeats look new. */
const namespace = '3f1a9d0c-6f6e-5b0e-9a53-5d1f0c7b2a10'

/** An id that follows from what it is made of, so that doing the same thing again makes the same id. */
export const derivedId = (...parts: readonly (string | number)[]): string => uuidv5(JSON.stringify(parts), namespace)

export type WorkKind = 'setup' | 'gate' | 'rollback'

/** Which unit of work of which visit: the n-th of its kind there, from 1. */
export type WorkKey = { client_id: string; episode: number; stage: StageId; visit: number; kind: WorkKind; n: number }

export const workIdOf = ({ client_id, episode, stage, visit, kind, n }: WorkKey): string =>
  derivedId('unit_of_work', client_id, episode, stage, visit, kind, n)

export const journeyStream = (clientId: string): string => `journey-${clientId}`
export const unitOfWorkStream = (workId: string): string => `unit_of_work-${workId}`
export const agentStream = (agentId: string): string => `agent-${agentId}`
