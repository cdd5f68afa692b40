import type { CommandAnswer, CommandData } from '@journey/contracts'
import { codeOf, type Log } from '@journey/runtime'
import { randomUUID } from 'node:crypto'
import { v5 } from 'uuid'
import type { Send } from './sending.js'

/** What an agent says of itself. */
export type Registration = Pick<CommandData<'agent.register'>, 'agent_id' | 'name' | 'intents'> &
  Partial<Pick<CommandData<'agent.register'>, 'type' | 'version'>>

export type PresenceOptions = {
  registration: Registration
  send: Send
  /** Where outcomes are heard; undefined while nowhere. */
  replyTo: () => string | undefined
  activeTasks: () => number
  intervalMs: number
  log: Log
  now?: () => number
}

/**
 * Makes an agent known and keeps it so: registers, then sends a heartbeat per interval; registers again when a heartbeat is
 * refused with `agent/unknown`. A command whose outcome is open is not followed by another for three intervals, so that no
 * pile grows while nobody decides commands.
 */
export interface Presence {
  start(): void
  stop(): void
  /** Tells the outcome of a command; false when it is none of these. */
  hear(answer: CommandAnswer): boolean
  /** The connection is gone, and with it the outcomes on their way. */
  lost(): void
}

/** A life sign is worth nothing when it comes late, and it is small: it overtakes everything. */
const priority = 9
const patience = 3

export const createPresence = (options: PresenceOptions): Presence => {
  const { registration, send, replyTo, activeTasks, intervalMs, log, now = Date.now } = options
  let registered = false
  // A registration of an earlier life may have been overridden since, so that its id would change nothing any more.
  let life: string = randomUUID()
  let open: { id: string; since: number } | undefined
  let timer: NodeJS.Timeout | undefined

  const beat = async (): Promise<void> => {
    if (open && now() - open.since < patience * intervalMs) return
    const id = registered ? randomUUID() : v5(JSON.stringify(['register', life, registration]), namespace)
    const mine = (open = { id, since: now() })
    const address = replyTo()
    try {
      if (registered) {
        const data = { agent_id: registration.agent_id, active_tasks: activeTasks() }
        await send({ id, type: 'agent.heartbeat', data, replyTo: address, priority })
      } else {
        // What is left out gets its default from whoever reads the command.
        const data = registration as CommandData<'agent.register'>
        await send({ id, type: 'agent.register', data, replyTo: address, priority })
      }
      if (address === undefined && open === mine) open = undefined // nobody will tell its outcome
    } catch (error) {
      if (open === mine) open = undefined
      log.debug({ code: codeOf(error) }, 'no life sign: the broker is away')
    }
  }

  const hear = (answer: CommandAnswer): boolean => {
    if (answer.command_id !== open?.id) return isOwn(answer)
    open = undefined
    if (registered) {
      if (answer.error?.code !== 'agent/unknown') return true
      log.warn('registers again: it is not known any more')
      registered = false
      life = answer.command_id
    } else if (answer.status === 'accepted') {
      registered = true
      log.info({ intents: registration.intents }, 'registered')
    } else {
      log.error({ code: answer.error?.code, reason: answer.error?.message }, 'the registration was not accepted')
      return true
    }
    if (timer) void beat()
    return true
  }

  return {
    start: () => {
      timer ??= setInterval(() => void beat(), intervalMs)
      void beat()
    },
    stop: () => {
      clearInterval(timer)
      timer = undefined
    },
    hear,
    lost: () => (open = undefined),
  }
}

const isOwn = ({ command_type }: CommandAnswer): boolean =>
  command_type === 'agent.register' || command_type === 'agent.heartbeat'

/** Of this file alone; drawn once. */
const namespace = '5c0c2a53-8f61-49a0-9c1d-0d1e2b7f3a44'
