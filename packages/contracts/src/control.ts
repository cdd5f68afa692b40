import { logLevels, malformed, type LogLevel } from '@journey/runtime'
import { readJson } from './commands/json.js'

/** A broadcast on `journey.control`, to every instance of the services it names, or of all. */
export type ControlMessage = {
  action: ControlAction
  /** Every service when left out. */
  services?: readonly string[]
  reason?: string
  /** Who says so, for the log. */
  actor?: string
  /** Of a reload: how much is logged until the next one, or the next start, whatever the settings say. */
  log_level?: LogLevel
}

/** Those that consume queues, which a pause ends until it is resumed. */
export const pausableServices = ['command-handler', 'projector', 'saga-processor', 'notifier', 'agents'] as const
/** Every service; each of its instances hears broadcasts. */
export const hearingServices = [...pausableServices, 'event-relay', 'api'] as const
export type HearingService = (typeof hearingServices)[number]

export const controlActions = ['pause', 'resume', 'reload'] as const
export type ControlAction = (typeof controlActions)[number]

/** The JSON Schema of a broadcast. */
export const controlSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['action'],
  properties: {
    action: { type: 'string', enum: controlActions },
    services: { type: 'array', items: { type: 'string' } },
    reason: { type: 'string', maxLength: 500 },
    actor: { type: 'string', maxLength: 255 },
    log_level: { type: 'string', enum: logLevels },
  },
} as const

/** Reads a broadcast. @throws malformed `control/invalid`, naming what is wrong; `json/…` */
export const readControl = (body: Uint8Array): ControlMessage => {
  const value = readJson(body)
  const fields = isObject(value) ? value : {}
  const { action, services, reason, actor, log_level: level } = fields
  const wrong = [
    ...Object.keys(fields).filter((field) => !Object.hasOwn(controlSchema.properties, field)),
    ...(controlActions.some((one) => one === action) ? [] : ['action']),
    ...(services === undefined || (Array.isArray(services) && services.every((one) => typeof one === 'string'))
      ? []
      : ['services']),
    ...(isText(reason, 500) ? [] : ['reason']),
    ...(isText(actor, 255) ? [] : ['actor']),
    ...(level === undefined || (action === 'reload' && logLevels.some((one) => one === level)) ? [] : ['log_level']),
  ]
  if (!isObject(value) || wrong.length > 0)
    throw malformed(
      'control/invalid',
      `A broadcast is {action: ${controlActions.join(' | ')}, services?, reason?, actor?}, a reload with log_level?; wrong: ${wrong.join(', ')}`,
    )
  return value as ControlMessage
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isText = (value: unknown, most: number): boolean =>
  value === undefined || (typeof value === 'string' && value.length <= most)
