import { clientIdPattern } from '@journey/contracts'
import { journeyStream } from '@journey/domain'
import { journeyOf, type Database, type JourneyRow } from '@journey/read-model'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callerGone } from '../header.js'
import { problem } from '../problems.js'
import type { Freshness } from './freshness.js'

type Asked = FastifyRequest<{ Params: { client_id: string }; Querystring: { min_revision?: number } }>

/**
 * The journey that a request names, as new as it asks for; its revision becomes the answer's ETag.
 *
 * @throws 404 `journey/unknown`, 412 `revision/not_reached`
 */
export type TheJourney = (request: Asked, reply: FastifyReply) => Promise<JourneyRow>

export const createTheJourney =
  (db: Database['db'], freshness: Freshness): TheJourney =>
  async ({ params: { client_id }, query: { min_revision } }, reply) => {
    if (!clientIdPattern.test(client_id)) throw unknown(client_id)
    await freshness.await(journeyStream(client_id), min_revision, callerGone(reply))
    const journey = await journeyOf(db, client_id)
    if (!journey) throw unknown(client_id)
    void reply.header('etag', `"${journey.revision}"`)
    return journey
  }

const unknown = (clientId: string) =>
  problem(404, 'journey/unknown', `No journey of client ${clientId.slice(0, 255)} was ever started`)
