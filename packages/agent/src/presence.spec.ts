import type { CommandAnswer } from '@journey/contracts'
import { silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { createPresence } from './presence.js'
import type { Outgoing, Send } from './sending.js'

const intervalMs = 10_000
const registration = { agent_id: 'scanner', name: 'Scanner', intents: ['run_security_scan'] }

const setup = ({ replyTo }: { replyTo?: string } = { replyTo: 'replies' }) => {
  const sent: Outgoing[] = []
  const clock = { ms: 0, away: false }
  const send: Send = (command) => {
    if (clock.away) return Promise.reject(unavailable('broker/away', 'away'))
    sent.push(command)
    return Promise.resolve()
  }
  const presence = createPresence({
    registration,
    send,
    replyTo: () => replyTo,
    activeTasks: () => 2,
    intervalMs,
    log: silentLog(),
    now: () => clock.ms,
  })
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return {
    sent,
    clock,
    presence,
    types: () => sent.map(({ type }) => type),
    beat: async (later = 0) => {
      clock.ms += later
      presence.beat()
      await settled()
    },
    answer: async (status: CommandAnswer['status'], code?: string) => {
      const { id, type } = sent.at(-1)!
      const error = code === undefined ? null : { code, message: code, details: [] }
      const known = presence.hear({
        command_id: id,
        command_type: type,
        status,
        stream: null,
        revision: null,
        events: [],
        error,
      })
      await settled()
      return known
    },
  }
}

describe('an agent that nobody knows yet', () => {
  it('registers with what it offers', async () => {
    const { sent, beat } = setup()
    await beat()
    expect(sent[0]).to.deep.include({ type: 'agent.register', data: registration, replyTo: 'replies' })
  })

  it('sends a heartbeat as soon as it is registered', async () => {
    const { sent, beat, answer } = setup()
    await beat()
    await answer('accepted')
    expect(sent[1]).to.deep.include({ type: 'agent.heartbeat', data: { agent_id: 'scanner', active_tasks: 2 } })
  })

  it('sends the same registration again until it is heard of', async () => {
    const { sent, beat } = setup()
    await beat()
    await beat(intervalMs)
    expect(sent).to.have.lengthOf(1)
    await beat(2 * intervalMs)
    expect(sent).to.have.lengthOf(2)
    expect(sent[1]!.id).to.equal(sent[0]!.id)
  })

  it('tries at the next beat what the broker did not take', async () => {
    const { sent, beat, clock } = setup()
    clock.away = true
    await beat()
    clock.away = false
    await beat(intervalMs)
    expect(sent).to.have.lengthOf(1)
  })
})

describe('a registered agent', () => {
  const registered = async () => {
    const all = setup()
    await all.beat()
    await all.answer('accepted')
    await all.answer('accepted')
    return all
  }

  it('sends a heartbeat per interval, each a command of its own', async () => {
    const { sent, beat, answer, types } = await registered()
    await beat(intervalMs)
    await answer('accepted')
    expect(types()).to.deep.equal(['agent.register', 'agent.heartbeat', 'agent.heartbeat'])
    expect(sent[2]!.id).to.not.equal(sent[1]!.id)
  })

  it('sends no other while the outcome of one is open, for three intervals', async () => {
    const { sent, beat } = await registered()
    await beat(intervalMs)
    await beat(intervalMs)
    await beat(intervalMs)
    expect(sent).to.have.lengthOf(3)
    await beat(intervalMs)
    expect(sent).to.have.lengthOf(4)
  })

  it('goes on at once after the connection was lost with the outcome', async () => {
    const { sent, beat, presence } = await registered()
    await beat(intervalMs)
    presence.lost()
    await beat()
    expect(sent).to.have.lengthOf(4)
  })

  it('registers anew, by another command, when it is not known any more', async () => {
    const { sent, beat, answer, types } = await registered()
    await beat(intervalMs)
    await answer('rejected', 'agent/unknown')
    expect(types().slice(2)).to.deep.equal(['agent.heartbeat', 'agent.register'])
    expect(sent[3]!.id).to.not.equal(sent[0]!.id)
    await answer('accepted')
    expect(types().at(-1)).to.equal('agent.heartbeat')
  })

  it('does not take outcomes of other commands for its own', async () => {
    const { presence } = await registered()
    const other = { command_id: 'x', command_type: 'task.complete', status: 'rejected' } as CommandAnswer
    expect(presence.hear(other)).to.equal(false)
  })
})

describe('an agent that hears no outcomes', () => {
  it('does not wait for any', async () => {
    const { sent, beat } = setup({})
    await beat()
    await beat(intervalMs)
    expect(sent).to.have.lengthOf(2)
  })
})
