import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import type { CommandAnswer, ReadCommand } from '@journey/contracts'
import { freshClient, hold, read, start, withHandlers, type Handler } from './testing/handlers.js'
import { Steps, type Stepped } from './testing/stepped.js'

const release = (client_id: string) => read('journey.release', { client_id, reason: 'fine' })

describe('a command that two processes hold at once', () => {
  const handler = withHandlers()
  /** One whose every step can be held up: its statements, its reads and its appends. */
  const stepped = () => {
    const steps = new Steps()
    const made = handler({
      outcomes: (outcomes) => ({
        claim: steps.before('claim', (asked) => outcomes.claim(asked)),
        isHeld: steps.before('isHeld', (asked) => outcomes.isHeld(asked)),
        settle: steps.before('settle', (answer) => outcomes.settle(answer)),
      }),
      store: (store) => ({
        append: steps.before('append', (...args) => store.append(...args)),
        read: async (stream, options) => {
          if (!stream.startsWith('snapshot-')) await steps.wait('read') // what is asked beside it is not held up
          return store.read(stream, options)
        },
        readEach: async function* (stream, options) {
          await steps.wait('catch up')
          yield* store.readEach(stream, options)
        },
      }),
      pause: () => steps.wait('pause'),
    })
    return { ...made, begin: (command: ReadCommand) => steps.take(() => made.handle(command)) }
  }
  let one: ReturnType<typeof stepped>
  let other: ReturnType<typeof stepped>
  let third: Handler
  before(() => {
    one = stepped()
    other = stepped()
    third = handler()
  })

  const toItsEnd = async (...all: Stepped<unknown>[]) => {
    while (!all.every(({ hasEnded }) => hasEnded())) for (const { step } of all) await step()
  }
  /** What both said is the same, is what the stream says, and is said again to whoever repeats the command. */
  const expectOneOutcome = async (client: string, command: ReadCommand, all: Stepped<CommandAnswer>[]) => {
    const answers = await Promise.all(all.map(({ result }) => result))
    for (const answer of answers) expect(answer).to.deep.equal(answers[0])
    const events = (await third.store.read(`journey-${client}`)).filter(
      ({ metadata }) => metadata.$causationId === command.commandId,
    )
    expect(events.length, JSON.stringify(answers[0])).to.equal(answers[0]!.events.length)
    expect(await third.handle(command)).to.deep.equal(answers[0])
    return answers[0]!
  }

  const bothBegin = (command: ReadCommand) => [one.begin(command), other.begin(command)] as const

  it('is accepted to both when the second accepts it before the refusal of the first is kept', async () => {
    const client = freshClient()
    const command = hold(client)
    const [first, second] = bothBegin(command)
    await first.until('settle') // there is no journey, so it is to be refused
    await third.handle(start(client))
    await toItsEnd(second)
    await toItsEnd(first)
    expect((await expectOneOutcome(client, command, [first, second])).status).to.equal('accepted')
  })

  it('is accepted to both when the refusal of the first comes as the second is about to append', async () => {
    const client = freshClient()
    const command = hold(client)
    const [first, second] = bothBegin(command)
    await first.until('settle')
    await third.handle(start(client))
    await second.until('append')
    await first.until('pause') // its refusal counts no more
    await toItsEnd(second)
    await toItsEnd(first)
    expect((await expectOneOutcome(client, command, [first, second])).status).to.equal('accepted')
  })

  it('is accepted to both when the first finds it taken over and takes it back from the second', async () => {
    const client = freshClient()
    const command = hold(client)
    const [first, second] = bothBegin(command)
    await first.until('settle')
    await second.until('settle') // both are to refuse it
    await third.handle(start(client))
    await first.until('append') // waited for the second, and began anew
    await toItsEnd(second)
    await toItsEnd(first)
    expect((await expectOneOutcome(client, command, [first, second])).status).to.equal('accepted')
  })

  it('is refused to both when the second has refused it and the first, late, would accept it by now', async () => {
    const client = freshClient()
    const command = hold(client)
    const [first, second] = bothBegin(command)
    await first.until('read') // has claimed it
    await toItsEnd(second)
    await third.handle(start(client))
    await toItsEnd(first)
    expect((await expectOneOutcome(client, command, [first, second])).error?.code).to.equal('journey/unknown')
  })

  it('is refused to both when the stream moves under the append of the first and the second refuses it', async () => {
    const client = freshClient()
    await third.handle(start(client))
    const command = hold(client)
    const [first, second] = bothBegin(command)
    await first.until('append')
    await third.handle(read('journey.cancel', { client_id: client, reason: 'no need' }))
    await toItsEnd(second)
    await third.handle(start(client))
    await toItsEnd(first)
    expect((await expectOneOutcome(client, command, [first, second])).error?.code).to.equal('journey/cancelled')
  })

  it('changes nothing for both when the second found nothing to change and the first would change something', async () => {
    const client = freshClient()
    await third.handle(start(client))
    await third.handle(hold(client))
    const command = hold(client)
    const [first, second] = bothBegin(command)
    await first.until('read')
    await toItsEnd(second)
    await third.handle(release(client))
    await toItsEnd(first)
    expect((await expectOneOutcome(client, command, [first, second])).events).to.deep.equal([])
  })

  it('has one outcome, however the steps of both and the moves of a third fall together, and whoever dies', async () => {
    /** Before the race: who has the stream in memory, and how far it has come. */
    const scene = fc.record({
      isHold: fc.boolean(),
      warm: fc.constantFrom<('one' | 'other')[]>([], ['one'], ['other'], ['one', 'other']),
      before: fc.integer({ min: 0, max: 3 }),
      schedule: fc.array(fc.constantFrom('one', 'one', 'other', 'other', 'third'), { minLength: 6, maxLength: 30 }),
      /** Who goes first when the schedule is over, and whether the other one is dead for that long. */
      end: fc.constantFrom('one', 'other', 'both'),
    })
    await fc.assert(
      fc.asyncProperty(scene, async ({ isHold, warm, before, schedule, end }) => {
        const client = freshClient()
        const moves = [start, hold, release, hold, release, hold, release]
        const move = () => third.handle((moves.shift() ?? hold)(client))
        for (let n = 0; n < before; n += 1) await move()
        for (const name of warm) {
          const warming = { one, other }[name].begin(read('journey.promote', { client_id: client }, randomUUID()))
          await toItsEnd(warming)
        }
        const command = (isHold ? hold : release)(client)
        const racing = { one: one.begin(command), other: other.begin(command) }
        for (const who of schedule) await (who === 'third' ? move() : racing[who].step())
        if (end === 'both') await toItsEnd(racing.one, racing.other)
        else await toItsEnd(racing[end])
        await move()
        await toItsEnd(racing.one, racing.other)
        await expectOneOutcome(client, command, [racing.one, racing.other])
      }),
      { numRuns: 40, endOnFailure: true },
    )
  }).timeout(120_000)
})
