import { dataSchema, type CommandAnswer, type CommandType } from '@journey/contracts'
import type { JsonObject } from '@journey/domain'
import { malformed } from '@journey/runtime'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { actorOf } from '../actor.js'
import type { Desk } from '../desk.js'
import { callerGone, headerText } from '../header.js'
import { answers } from '../openapi/document.js'
import { problem } from '../problems.js'

/** A route that publishes one type of command. */
export type CommandRoute = {
  url: string
  type: CommandType
  tag: string
  summary: string
  /** Where to read what the command is about, by its data. */
  links: (data: Record<string, string>) => Record<string, string>
}

/** The longest that a caller may have an answer waited for (CONTRACT.md section 2). */
const longestWait = 30

export const waitParameter = {
  wait: { type: 'number', minimum: 0, maximum: longestWait, description: 'Seconds to wait for the outcome' },
} as const

/** Serves a command: its data are the body and what the path names; every field of the path must be one of the data's. */
export const serveCommand = (app: FastifyInstance, desk: Desk, route: CommandRoute): void => {
  const { url, type, tag, summary, links } = route
  const named = [...url.matchAll(/:(\w+)/g)].map(([, name]) => name!)
  app.post<{ Params: Record<string, string>; Querystring: { wait?: number }; Body: unknown }>(
    url,
    {
      schema: {
        tags: [tag],
        summary,
        description: `Publishes \`${type}\` on the bus.`,
        params: { type: 'object', properties: Object.fromEntries(named.map((name) => [name, { type: 'string' }])) },
        querystring: { type: 'object', additionalProperties: false, properties: waitParameter },
        headers: {
          type: 'object',
          properties: {
            'idempotency-key': { type: 'string', description: 'Becomes the command id: the same key acts once' },
            'x-correlation-id': { type: 'string' },
            'x-actor': { type: 'string', description: 'Who asks; stands in the records' },
          },
        },
        response: answers({ 200: 'CommandAnswer', 202: 'CommandReceipt' }),
      },
      config: { body: dataSchema(type, named) },
    },
    async (request, reply) => {
      const data = dataOf(type, request.body, request.params)
      const { command_id, status } = await desk.submit({
        type,
        data,
        commandId: headerText(request, 'idempotency-key', 128),
        correlationId: headerText(request, 'x-correlation-id', 255),
        actor: actorOf(request),
      })
      const self = `/api/v1/commands/${encodeURIComponent(command_id)}`
      const encoded = Object.fromEntries(
        Object.entries(data).map(([name, value]) => [name, encodeURIComponent(typeof value === 'string' ? value : '')]),
      )
      const receipt = { command_id, status, links: { self, ...links(encoded) } }
      const wait = request.query.wait ?? 0
      if (wait === 0) return reply.code(202).header('location', self).send(receipt)
      const outcome = await desk.outcome(command_id, wait * 1000, callerGone(reply))
      if (!outcome?.visible)
        throw problem(504, 'command/outcome_pending', `The outcome is not known after ${wait} s: ask ${self}`, [], {
          command_id,
          links: receipt.links,
        })
      return settled(outcome.answer, reply)
    },
  )
}

/** @throws malformed `command/not_an_object`, or `command/invalid` where body and path name different things */
const dataOf = (type: CommandType, body: unknown, path: Record<string, string>): JsonObject => {
  const given = body ?? {}
  if (typeof given !== 'object' || Array.isArray(given))
    throw malformed('command/not_an_object', `The body of ${type} is a JSON object`)
  const differing = Object.entries(path).filter(
    ([name, value]) => Object.hasOwn(given, name) && (given as JsonObject)[name] !== value,
  )
  if (differing.length > 0)
    throw malformed(
      'command/invalid',
      'The body names something else than the path',
      differing.map(([field]) => ({
        field,
        code: 'differs',
        message: `${field} differs from the path's; leave it out`,
      })),
    )
  return { ...(given as JsonObject), ...path }
}

/** A settled command as an answer: 200, or the problem that its refusal or failure is. */
const settled = (answer: CommandAnswer, reply: FastifyReply): FastifyReply => {
  if (answer.status === 'accepted') return reply.code(200).send(answer)
  const { code, message, details } = answer.error ?? {
    code: 'internal/bug',
    message: 'no reason is known',
    details: [],
  }
  const more = { command_id: answer.command_id, command: answer }
  if (answer.status === 'rejected') throw problem(409, code, message, details, more)
  // What was read here and could not be read there is the sender's to mend; everything else is ours.
  throw problem(/^(command|json)\//.test(code) ? 422 : 500, code, message, details, more)
}
