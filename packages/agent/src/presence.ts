import type { CommandAnswer } from '@journey/contracts'
import { codeOf, type Log } from '@journey/runtime'
import { randomUUID } from 'node:crypto'
import { v5 } from 'uuid'
import type { Registration, Send } from './sending.js'

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
 * Makes an agent known and keeps it so: registers, then sends heartbeats; registers again when a heartbeat is refused with
 * `agent/unknown`. A command whose outcome is open is not followed by another for three intervals, so that no pile grows while
 * nobody decides commands.
 */
export interface Presence {
  /** Sends what is due; to be called every interval. Never throws. */
  beat(): void
  /** Tells the outcome of a command; false when it is none of these. */
  hear(answer: CommandAnswer): boolean
  /** The connection is gone, and with it the outcomes on their way. */
  lost(): void
}

/** A life sign is worth nothing when it comes late, and it is small: it overtakes everything. */
const priority = 9
const patience = 3
const registerAgainMs = 500

export const createPresence = (options: PresenceOptions): Presence => {
  const { registration, send, replyTo, activeTasks, intervalMs, log, now = Date.now } = options
  let registered = false
  // A registration of an earlier life may have been overridden since, so that its id would change nothing any more.
  let life: string = randomUUID()
  let open: { id: string; since: number } | undefined

  const beat = async (): Promise<void> => {
    if (open && now() - open.since < patience * intervalMs) return
    const id = registered ? randomUUID() : v5(JSON.stringify(['register', life, registration]), namespace)
    const mine = (open = { id, since: now() })
    const address = replyTo()
    try {
      if (registered) {
        const data = { agent_id: registration.agent_id, active_tasks: activeTasks() }
        await send({ id, type: 'agent.heartbeat', data, replyTo: address, priority })
      } else await send({ id, type: 'agent.register', data: registration, replyTo: address, priority })
      if (address === undefined && open === mine) open = undefined // nobody will tell its outcome
    } catch (error) {
      if (open === mine) open = undefined
      log.debug({ code: codeOf(error) }, 'no life sign: nobody takes it')
      // No work comes before it is registered, so it does not wait for the next beat.
      if (!registered && codeOf(error) !== 'broker/stopped')
        setTimeout(() => void beat(), Math.min(registerAgainMs, intervalMs)).unref()
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
    void beat()
    return true
  }

  return {
    beat: () => void beat(),
    hear,
    lost: () => (open = undefined),
  }
}

const isOwn = ({ command_type }: CommandAnswer): boolean =>
  command_type === 'agent.register' || command_type === 'agent.heartbeat'

/** Of this file alone; drawn once. */
const namespace = '5c0c2a53-8f61-49a0-9c1d-0d1e2b7f3a44'
