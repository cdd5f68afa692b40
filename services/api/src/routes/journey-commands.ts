import type { FastifyInstance } from 'fastify'
import type { Desk } from '../desk.js'
import { serveCommand, type CommandRoute } from './commanding.js'

const journey: CommandRoute['links'] = ({ client_id = '' }) => ({ journey: `/api/v1/journeys/${client_id}` })

const routes: Omit<CommandRoute, 'tag' | 'links'>[] = [
  { url: '/journeys', type: 'journey.start', summary: 'Start a journey' },
  { url: '/journeys/:client_id/promote', type: 'journey.promote', summary: 'Promote to the next stage' },
  {
    url: '/journeys/:client_id/validate-exit',
    type: 'journey.validate_exit',
    summary: 'Evaluate the exit of the stage',
  },
  { url: '/journeys/:client_id/rollback', type: 'journey.rollback', summary: 'Roll back to the stage before' },
  { url: '/journeys/:client_id/hold', type: 'journey.hold', summary: 'Hold promotion' },
  { url: '/journeys/:client_id/release', type: 'journey.release', summary: 'Release a hold' },
  { url: '/journeys/:client_id/cancel', type: 'journey.cancel', summary: 'Cancel for good' },
  { url: '/journeys/:client_id/complete', type: 'journey.complete', summary: 'Complete in production' },
]

export const journeyCommands = (app: FastifyInstance, desk: Desk): void => {
  for (const route of routes) serveCommand(app, desk, { ...route, tag: 'journeys', links: journey })
}
