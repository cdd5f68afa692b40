import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { CommandAnswer } from '@journey/contracts'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { anEvent, createMeddler, type Meddler } from '@journey/event-store/testing'
import { eventually } from '@journey/messaging/testing'
import { openHouse, type House } from './testing/house.js'

type Command = { command_id: string; command_type: string; data: Record<string, unknown> }

const hold = (client_id: string): Command => ({
  command_id: randomUUID(),
  command_type: 'journey.hold',
  data: { client_id, reason: 'audit' },
})

describe('a command on a stream that somebody has meddled with', () => {
  let house: House
  let meddler: Meddler
  before(async () => {
    house = await openHouse()
    meddler = createMeddler(testEventStoreUrl())
  })
  after(async () => {
    await meddler.close()
    await house.close()
  })

  const ask = (command: Command): Promise<CommandAnswer> => house.ask(command.command_type, command)
  /** A journey that was started; its stream, and its events as they were. */
  const started = async () => {
    const client_id = `client-${randomUUID()}`
    const data = { client_id, data_sources: ['jira'] }
    expect(await ask({ command_id: randomUUID(), command_type: 'journey.start', data })).to.include({ revision: 0 })
    return { client_id, stream: `journey-${client_id}` }
  }
  /** Nothing is remembered any more, so that everything is read. */
  const forget = async () => {
    await house.stopService()
    await house.startAgain()
  }
  const meddled = (stream: string, type: string, data: unknown, metadata: Record<string, unknown> = {}) =>
    house.store.append(stream, 'any', [anEvent({ type, data, metadata })])

  /** The command ends as a dead letter with the code, naming the stream; others are done; it is kept as it was sent. */
  const expectDead = async (command: Command, stream: string, code: string, reason = 'malformed') => {
    const answer = await ask(command)
    expect([answer.status, answer.error?.code]).to.deep.equal(['failed', code])
    expect(answer.error?.message).to.include(stream)
    const letter = await eventually('the dead letter', async () =>
      (await house.deadLetters()).find(
        ({ command_id, state }) => command_id === command.command_id && state === 'open',
      ),
    )
    expect([letter.code, letter.reason]).to.deep.equal([code, reason])
    expect(JSON.parse(letter.body.toString())).to.deep.equal(command)
    await started()
  }
  const expectAccepted = async (command: Command, revision: number) =>
    expect(await ask(command)).to.deep.include({ status: 'accepted', revision, events: ['journey.promotion_held'] })

  it('passes over an event of a type that is not ours', async () => {
    const { client_id, stream } = await started()
    await meddled(stream, 'Foo', { bar: 1 })
    await expectAccepted(hold(client_id), 2)
  })

  it('reads an event of a newer minor version', async () => {
    const { client_id, stream } = await started()
    const data = { client_id, episode: 1, stage: 'sandbox', visit: 1, reason: 'r', held_by: 'dana', mood: 'new' }
    await meddled(stream, 'PromotionHeld', data, { version: '1.9' })
    expect(await ask(hold(client_id))).to.deep.include({ status: 'accepted', revision: 1, events: [] })
  })

  it('is a dead letter while an event is of a newer major version', async () => {
    const { client_id, stream } = await started()
    await meddled(stream, 'PromotionHeld', { client_id, why: { code: 'audit' } }, { version: '2.0' })
    await expectDead(hold(client_id), stream, 'event/unsupported_version', 'unsupported_version')
  })

  it('is a dead letter while an event is no JSON, though it says so, and is done once the stream was written anew', async () => {
    const { client_id, stream } = await started()
    const [first] = await house.store.read(stream)
    await meddler.appendBytes(stream, { type: 'PromotionHeld', bytes: '{"client_id":"cl', isJson: true })
    const command = hold(client_id)
    await expectDead(command, stream, 'event/invalid')
    await forget()
    await expectDead(hold(client_id), stream, 'event/invalid')
    await meddler.softDelete(stream)
    await house.store.append(stream, 'no_stream', [{ ...first!, id: randomUUID() }])
    await forget()
    await expectAccepted(command, 3)
  })

  it('is a dead letter while an event is bytes, no object, or lacks what its type says', async () => {
    const { client_id, stream } = await started()
    await meddler.appendBytes(stream, { type: 'PromotionHeld', bytes: '{}', isJson: false })
    await expectDead(hold(client_id), stream, 'event/invalid')
    const other = await started()
    await meddled(other.stream, 'PromotionHeld', ['audit'])
    await expectDead(hold(other.client_id), other.stream, 'event/invalid')
    const work_id = `work-${randomUUID()}`
    await meddled(`unit_of_work-${work_id}`, 'UnitOfWorkCreated', { work_id })
    const cancel = { command_id: randomUUID(), command_type: 'unit_of_work.cancel', data: { work_id, reason: 'r' } }
    await expectDead(cancel, `unit_of_work-${work_id}`, 'event/not_foldable')
  })

  it('is a dead letter while the stream is soft-deleted, and is done when it comes again after mending', async () => {
    const { client_id, stream } = await started()
    await meddler.softDelete(stream)
    await forget()
    const command = hold(client_id)
    await expectDead(command, stream, 'stream/soft_deleted')
    for (let time = 0; time < 2; time += 1) await meddler.clearMetadata(stream)
    await expectAccepted(command, 1)
  })

  it('is a dead letter while the beginning of the stream is truncated, and is done when it comes again after mending', async () => {
    const { client_id, stream } = await started()
    await expectAccepted(hold(client_id), 1)
    await meddler.truncate(stream, 1)
    await forget()
    const release = { ...hold(client_id), command_type: 'journey.release' }
    await expectDead(release, stream, 'stream/never_begun')
    await meddler.clearMetadata(stream)
    expect(await ask(release)).to.deep.include({ status: 'accepted', revision: 2 })
  })

  it('is refused once the stream is tombstoned, whether it is remembered or not', async () => {
    const { client_id, stream } = await started()
    await meddler.tombstone(stream)
    const refused = async () => {
      const { status, error } = await ask(hold(client_id))
      expect([status, error?.code]).to.deep.equal(['rejected', 'stream/deleted'])
    }
    await refused()
    await forget()
    await refused()
    await started()
  })

  it('is decided on the truth when somebody wrote to the stream behind our back', async () => {
    const { client_id, stream } = await started()
    const data = { client_id, episode: 1, stage: 'sandbox', visit: 1, reason: 'r', cancelled_by: 'dana' }
    await meddled(stream, 'JourneyCancelled', data, { version: '1.0' })
    expect((await ask(hold(client_id))).error?.code).to.equal('journey/cancelled')
  })
})

describe('a command whose events are more than the event store takes', () => {
  let house: House
  before(async () => {
    house = await openHouse()
  })
  after(() => house.close())

  it('is a dead letter, stores nothing, and a smaller one is done after it', async () => {
    const work_id = `work-${randomUUID()}`
    const task = (task_id: string, depends_on: string[]) => ({
      task_id,
      name: task_id,
      kind: 'agent',
      intent: 'x',
      depends_on,
      input_schema: depends_on.length === 0 ? {} : { text: { type: 'string', required: true } },
      output_schema: {},
      input: {},
      retry: { max_retries: 0, backoff: 'none', initial_ms: 1, max_ms: 1 },
      timeout_ms: 60_000,
    })
    const tasks = [task('first', []), ...Array.from({ length: 8 }, (_, n) => task(`after_${n}`, ['first']))]
    const of = { client_id: 'client-1', episode: 1, stage: 'sandbox', visit: 1, kind: 'setup', n: 1 }
    const plan = { template_id: 't', name: 't', tasks }
    const create = { ...of, work_id, plan, inputs: {}, parameters: {} }
    const created = await house.ask('unit_of_work.create', { command_id: randomUUID(), data: create })
    expect(created.status, JSON.stringify(created.error)).to.equal('accepted')
    const [, begun] = await house.store.read(`unit_of_work-${work_id}`)
    const { token } = begun!.data as { token: string }
    const complete = (text: string) => ({
      command_id: randomUUID(),
      data: { work_id, task_id: 'first', attempt: 1, token, output: { text } },
    })
    const tooLarge = await house.ask('task.complete', complete('x'.repeat(250_000)))
    expect([tooLarge.status, tooLarge.error?.code]).to.deep.equal(['failed', 'event-store/append_too_large'])
    expect(await house.deadLetters()).to.have.length(1)
    expect(await house.store.read(`unit_of_work-${work_id}`)).to.have.length(2)
    const smaller = await house.ask('task.complete', complete('x'.repeat(1_000)))
    expect([smaller.status, smaller.events.length]).to.deep.equal(['accepted', 9])
  })
})
