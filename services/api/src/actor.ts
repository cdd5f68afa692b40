import type { Actor } from '@journey/domain'
import type { FastifyRequest } from 'fastify'
import { headerText } from './header.js'

/** Who asks: whoever the header `X-Actor` names. The one token is shared, so nothing else tells callers apart. */
export const actorOf = (request: FastifyRequest): Actor => ({
  type: 'user',
  id: headerText(request, 'x-actor', 255) ?? 'anonymous',
})
