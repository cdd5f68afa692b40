import type { CommandAnswer } from '@journey/contracts'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { until, type System } from '../system.js'

const pauseMs = 50
const asideMs = 20

/** A command that the system has accepted: what it must have done, once. */
export type Accepted = { command_id: string; client_id: string; events: readonly string[]; revision: number }

/** Clients who hold and release their journeys all the time, and repeat each command until they know what came of it. */
export type Load = {
  accepted: readonly Accepted[]
  /** Waits until every client has had a command of its own accepted that it began after now. */
  round(): Promise<void>
  stop(): Promise<void>
}

export const startLoad = (system: System, clients: readonly string[]): Load => {
  const accepted: Accepted[] = []
  const rounds = new Map<string, number>()
  let isStopping = false

  const steer = async (client_id: string, isHeld: boolean): Promise<void> => {
    const command_id = randomUUID()
    const verb = isHeld ? 'release' : 'hold'
    // Each try is the same command; only what was taken or is known is left alone.
    await until(
      `${verb} of ${client_id} is taken`,
      async () => {
        const { status, body } = (await system.post(
          `/journeys/${client_id}/${verb}`,
          { reason: 'load' },
          { 'idempotency-key': command_id },
        )) as { status: number; body: unknown }
        if (status >= 500) return false
        if (status !== 202) throw new Error(`${verb} of ${client_id} answered ${status}: ${JSON.stringify(body)}`)
        return true
      },
      patienceMs,
    )
    const outcome = await until(
      `the outcome of ${verb} of ${client_id}`,
      async () => {
        const { status, body } = (await system.get(`/commands/${command_id}`)) as { status: number; body: unknown }
        await sleep(asideMs)
        const answer = body as CommandAnswer
        return status === 200 && answer.status !== 'pending' && answer
      },
      patienceMs,
    )
    if (outcome.status !== 'accepted') throw new Error(`${verb} of ${client_id}: ${JSON.stringify(outcome)}`)
    accepted.push({ command_id, client_id, events: outcome.events, revision: outcome.revision ?? -1 })
  }

  const failures: unknown[] = []
  const work = async (client_id: string): Promise<void> => {
    for (let isHeld = false; !isStopping; isHeld = !isHeld) {
      await steer(client_id, isHeld)
      rounds.set(client_id, (rounds.get(client_id) ?? 0) + 1)
      await sleep(pauseMs)
    }
  }
  const working = Promise.all(clients.map((client) => work(client).catch((error: unknown) => failures.push(error))))

  return {
    accepted,
    round: async () => {
      const before = new Map(rounds)
      await until(
        'every client gets on',
        () => {
          if (failures.length > 0) return Promise.resolve(true)
          // The second from now was surely begun after now.
          return Promise.resolve(clients.every((client) => (rounds.get(client) ?? 0) >= (before.get(client) ?? 0) + 2))
        },
        patienceMs,
      )
      if (failures.length > 0) throw failures[0]
    },
    stop: async () => {
      isStopping = true
      await working
      if (failures.length > 0) throw failures[0]
    },
  }
}

/** Longer than anything takes to be itself again, breakers and growing pauses included. */
const patienceMs = 120_000
