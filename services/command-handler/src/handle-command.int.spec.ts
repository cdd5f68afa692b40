import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { CommandAnswer, ReadCommand } from '@journey/contracts'
import type { Outcomes } from '@journey/handlers'
import { claim, settle } from '@journey/read-model'
import { codeOf, familyOf, unavailable } from '@journey/runtime'
import { freshClient, hold, read, start, withHandlers } from './testing/handlers.js'

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('the handling of commands', () => {
  const handler = withHandlers()

  const accepted = (command: ReadCommand, stream: string, revision: number, events: string[]): CommandAnswer => ({
    command_id: command.commandId,
    command_type: command.command.type,
    status: 'accepted',
    stream,
    revision,
    events,
    error: null,
  })

  it('appends what was decided, and keeps the outcome before anybody hears of it', async () => {
    const { handle, kept, typesIn } = handler()
    const client = freshClient()
    const command = start(client)
    const answer = await handle(command)
    expect(answer).to.deep.equal(accepted(command, `journey-${client}`, 0, ['journey.started']))
    expect(await kept(command.commandId)).to.deep.include({
      status: 'accepted',
      stream: `journey-${client}`,
      revision: 0,
      events: ['journey.started'],
      error: null,
      source: 'spec',
    })
    expect(await typesIn(`journey-${client}`)).to.deep.equal(['JourneyStarted'])
  })

  it('gives a repeated command its first answer, here and in another process', async () => {
    const [one, other] = [handler(), handler()]
    const client = freshClient()
    const command = start(client)
    const first = await one.handle(command)
    await one.handle(hold(client))
    let repeats = 0
    const again = ({ handle }: typeof one) => handle(command, () => repeats++)
    expect(await again(one)).to.deep.equal(first)
    expect(await again(other)).to.deep.equal(first)
    expect(repeats).to.equal(2)
    expect(await one.typesIn(`journey-${client}`)).to.deep.equal(['JourneyStarted', 'PromotionHeld'])
  })

  it('gives a repeated command its first refusal, although it would be accepted by now', async () => {
    const { handle } = handler()
    const client = freshClient()
    const command = hold(client)
    const first = await handle(command)
    expect(first).to.deep.include({ status: 'rejected', stream: null, revision: null, events: [] })
    expect(first.error?.code).to.equal('journey/unknown')
    await handle(start(client))
    expect(await handle(command)).to.deep.equal(first)
    expect((await handle(hold(client))).status).to.equal('accepted')
  })

  it('refuses a command that comes twice at once both times, though the journey begins before the refusal is kept', async () => {
    let keep: () => void = () => undefined
    const kept = new Promise<void>((resolve) => (keep = resolve))
    const { handle, typesIn } = handler({
      outcomes: (outcomes) => ({
        settle: async (answer) => {
          if (answer.status === 'rejected') await kept
          return outcomes.settle(answer)
        },
      }),
    })
    const client = freshClient()
    const command = hold(client)
    const first = handle(command)
    expect((await handle(start(client))).status).to.equal('accepted') // decided after the first, as it came
    const second = handle(command)
    await handle(read('journey.release', { client_id: client, reason: 'fine' }))
    keep()
    const answers = await Promise.all([first, second])
    expect(answers.map(({ error }) => error?.code)).to.deep.equal(['journey/unknown', 'journey/unknown'])
    expect(await typesIn(`journey-${client}`)).to.deep.equal(['JourneyStarted'])
  })

  it('refuses another command under a used id, and leaves the first as it is', async () => {
    const { handle, kept, typesIn } = handler()
    const [client, other] = [freshClient(), freshClient()]
    const first = start(client)
    await handle(first)
    const answer = await handle(start(other, first.commandId))
    expect(answer).to.deep.include({ status: 'rejected', stream: null })
    expect(answer.error?.code).to.equal('command/key_reused')
    expect(await kept(first.commandId)).to.deep.include({ status: 'accepted', stream: `journey-${client}` })
    expect(await typesIn(`journey-${other}`)).to.deep.equal([])
  })

  it('lets a command have the id of one that failed', async () => {
    const { db, handle, kept } = handler()
    const client = freshClient()
    const commandId = randomUUID()
    const error = { code: 'command/invalid', message: 'client_id is missing', details: [] }
    await settle(db, { ...accepted(start(client, commandId), '', 0, []), status: 'failed', stream: null, error })
    const answer = await handle(start(client, commandId))
    expect(answer.status).to.equal('accepted')
    expect(await kept(commandId)).to.deep.include({ status: 'accepted', error: null })
  })

  it('accepts a command that changes nothing, at the present revision and without events', async () => {
    const { handle } = handler()
    const client = freshClient()
    await handle(start(client))
    await handle(hold(client))
    const again = hold(client)
    expect(await handle(again)).to.deep.equal(accepted(again, `journey-${client}`, 1, []))
  })

  it('does a command once that two processes get at the same moment, and answers both alike', async () => {
    const [one, other] = [handler(), handler()]
    const commands = Array.from({ length: 20 }, () => start(freshClient()))
    const each = await Promise.all(
      commands.map((command) => Promise.all([one.handle(command), other.handle(command), one.handle(command)])),
    )
    for (const [n, command] of commands.entries()) {
      const stream = `journey-${'client_id' in command.command.data ? command.command.data.client_id : ''}`
      const answer = accepted(command, stream, 0, ['journey.started'])
      expect(each[n]).to.deep.equal([answer, answer, answer])
      expect(await one.typesIn(stream)).to.deep.equal(['JourneyStarted'])
    }
  })

  it('lets one of two different commands have an id that both claim at the same moment', async () => {
    const [one, other] = [handler(), handler()]
    const commandId = randomUUID()
    const clients = [freshClient(), freshClient()] as const
    const answers = await Promise.all([
      one.handle(start(clients[0], commandId)),
      other.handle(start(clients[1], commandId)),
    ])
    expect(answers.map(({ status }) => status).sort()).to.deep.equal(['accepted', 'rejected'])
    const streams = await Promise.all(clients.map((client) => one.typesIn(`journey-${client}`)))
    expect(streams.flat()).to.deep.equal(['JourneyStarted'])
  })

  it('takes two statements in the table of outcomes, and one more only on a stream that moved since the claim', async () => {
    const statements: string[] = []
    const { handle } = handler({
      outcomes: (outcomes) => {
        const counted =
          <Item, Result>(name: string, work: (item: Item) => Promise<Result>) =>
          (item: Item) => {
            statements.push(name)
            return work(item)
          }
        return {
          claim: counted('claim', (item: Parameters<Outcomes['claim']>[0]) => outcomes.claim(item)),
          isHeld: counted('isHeld', (item: Parameters<Outcomes['isHeld']>[0]) => outcomes.isHeld(item)),
          settle: counted('settle', (item: Parameters<Outcomes['settle']>[0]) => outcomes.settle(item)),
        }
      },
    })
    const client = freshClient()
    const release = () => read('journey.release', { client_id: client, reason: 'fine' })
    for (const command of [start(client), hold(client), release(), hold(client)]) await handle(command)
    expect(statements).to.deep.equal(Array.from({ length: 4 }, () => ['claim', 'settle']).flat())
    statements.length = 0
    await Promise.all([handle(release()), handle(hold(client))]) // the second is claimed before the first is appended
    expect(statements.sort()).to.deep.equal(['claim', 'claim', 'isHeld', 'settle', 'settle'])
  })

  it('takes a claim over whose process died before it decided', async () => {
    const { db, handle } = handler()
    const client = freshClient()
    const { commandId, digest, correlationId, source, ...command } = start(client)
    await claim(db, [
      { commandId, commandType: 'journey.start', digest, correlationId, source, claimedBy: 'one that died' },
    ])
    expect((await handle({ commandId, digest, correlationId, source, ...command })).status).to.equal('accepted')
  })

  it('does nothing twice when it was appended but its outcome was not written', async () => {
    let isAway = true
    const { handle, kept, typesIn } = handler({
      outcomes: (outcomes) => ({
        settle: (answer) =>
          isAway
            ? Promise.reject(unavailable('database/away', 'PostgreSQL went away just now'))
            : outcomes.settle(answer),
      }),
    })
    const client = freshClient()
    const command = start(client)
    expect(familyOf(await rejection(handle(command)))).to.equal('unavailable')
    expect(await kept(command.commandId)).to.deep.include({ status: 'pending' })
    isAway = false
    expect(await handle(command)).to.deep.equal(accepted(command, `journey-${client}`, 0, ['journey.started']))
    expect(await typesIn(`journey-${client}`)).to.deep.equal(['JourneyStarted'])
  })

  it('does nothing twice when the table of outcomes is lost: the stream remembers', async () => {
    const { db, handle } = handler()
    const client = freshClient()
    const command = start(client)
    const first = await handle(command)
    await handle(hold(client))
    await db.deleteFrom('commands').execute()
    const { handle: handleAfterwards, typesIn } = handler()
    expect(await handleAfterwards(command)).to.deep.equal(first)
    const other = await handleAfterwards(start(client, command.commandId, ['salesforce']))
    expect(other.error?.code).to.equal('command/key_reused')
    expect(await typesIn(`journey-${client}`)).to.deep.equal(['JourneyStarted', 'PromotionHeld'])
  })

  it('keeps order and outcomes while the clock jumps back and forth; events tell what it said', async () => {
    let at = Date.parse('2026-01-27T10:30:00.000Z')
    const [one, other] = [handler({ now: () => new Date(at) }), handler({ now: () => new Date(at) })]
    const client = freshClient()
    const commands = [start(client), hold(client), read('journey.release', { client_id: client, reason: 'fine' })]
    const times = [at, at - 3_600_000, at + 86_400_000]
    for (const [n, command] of commands.entries()) {
      at = times[n]!
      expect((await (n % 2 === 0 ? one : other).handle(command)).revision).to.equal(n)
    }
    at = 0
    for (const [n, command] of commands.entries()) expect((await other.handle(command)).revision).to.equal(n)
    const events = await one.store.read(`journey-${client}`)
    expect(events.map(({ metadata }) => Date.parse(metadata.timestamp as string))).to.deep.equal(times)
    const stored = events.map(({ createdAt }) => createdAt)
    expect(stored).to.deep.equal(stored.toSorted())
  })

  it('has no outcome while a server is away, so that the command can be handled again', async () => {
    const { handle, kept } = handler({
      outcomes: () => ({ claim: () => Promise.reject(unavailable('database/away', 'PostgreSQL is away')) }),
    })
    const command = start(freshClient())
    expect(codeOf(await rejection(handle(command)))).to.equal('database/away')
    expect(await kept(command.commandId)).to.equal(undefined)
  })

  it('hears that an agent lives when it registers and with every heartbeat', async () => {
    const { db, handle } = handler()
    const agent_id = `agent-${randomUUID()}`
    const beat = () => read('agent.heartbeat', { agent_id, active_tasks: 3 })
    expect((await handle(beat())).error?.code).to.equal('agent/unknown')
    const heard = () =>
      db.selectFrom('agent_heartbeats').select('active_tasks').where('agent_id', '=', agent_id).execute()
    expect(await heard()).to.deep.equal([])
    await handle(read('agent.register', { agent_id, name: 'Spec', intents: ['install_connectors'] }))
    expect(await heard()).to.deep.equal([{ active_tasks: null }])
    expect((await handle(beat())).events).to.deep.equal([])
    expect(await heard()).to.deep.equal([{ active_tasks: 3 }])
  })
})
