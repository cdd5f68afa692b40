import { controlActions, hearingServices, pausableServices, type ControlAction } from '@journey/contracts'
import { logLevels, type LogLevel } from '@journey/runtime'
import type { FastifyInstance } from 'fastify'
import { actorOf } from '../actor.js'
import type { Broadcast } from '../control/broadcast.js'
import { answers } from '../openapi/document.js'
import { optionalBody } from './dead-letters.js'

type Wanted = { services?: string[]; reason?: string; log_level?: LogLevel }

const told: Record<ControlAction, { summary: string; description: string }> = {
  pause: {
    summary: 'Pause the consumers of services',
    description:
      'Messages under way are finished, the others stay in their queues. It outlasts restarts of everything but `agents`, until it is resumed.',
  },
  resume: { summary: 'Resume the consumers of services', description: 'They go on where they were paused.' },
  reload: {
    summary: 'Have services read again what can change while they run',
    description:
      'The log level: from LOG_LEVEL, else `logging.yaml`, else `info`; with `log_level` that one, until the next reload or restart. The projector looks how many queues to read from.',
  },
}

const reason = { type: 'string', minLength: 1, maxLength: 500, pattern: '^[^\\u0000]*$' } as const

const bodyOf = (action: ControlAction) => ({
  type: 'object',
  additionalProperties: false,
  properties: {
    services: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', enum: action === 'reload' ? hearingServices : pausableServices },
      description: 'All of them when left out',
    },
    reason,
    ...(action === 'reload' && { log_level: { type: 'string', enum: logLevels } }),
  },
  required: action === 'pause' ? ['reason'] : [],
})

/** Broadcasts to every instance of the services, or of some. */
export const controlRoutes = (app: FastifyInstance, broadcast: Broadcast): void => {
  for (const action of controlActions)
    app.post<{ Body: Wanted }>(
      `/control/${action}`,
      {
        preValidation: optionalBody,
        schema: {
          tags: ['operations'],
          ...told[action],
          body: bodyOf(action),
          response: answers({ 202: 'ControlAction' }),
        },
      },
      async (request, reply) => {
        const { services, reason: why, log_level } = request.body
        const row = await broadcast({ action, services, reason: why, logLevel: log_level, actor: actorOf(request) })
        return reply.code(202).send(row)
      },
    )
}
