import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { sql } from 'kysely'
import type { CommandAnswer } from '@journey/contracts'
import { eventually } from '@journey/messaging/testing'
import { openHouse, type House } from './testing/house.js'

const clients = 120
/** How often the same command is published. */
const times = 3
const limitMs = 90_000

describe('two processes of the command-handler', function () {
  this.timeout(240_000)
  let house: House
  before(async () => {
    house = await openHouse({ isServed: false })
  })
  after(() => house.close())

  type Command = { command_id: string; command_type: string; data: { client_id: string } & Record<string, unknown> }
  const start = (client_id: string, over: object = {}): Command => ({
    command_id: `start of ${client_id}`,
    command_type: 'journey.start',
    data: { client_id, data_sources: ['jira'], ...over },
  })
  const hold = (client_id: string): Command => ({
    command_id: `hold of ${client_id}`,
    command_type: 'journey.hold',
    data: { client_id, reason: 'audit' },
  })
  const typesIn = async (client: string) => (await house.store.read(`journey-${client}`)).map(({ type }) => type)
  const publish = (command: Command) => house.publish(command.command_type, command)

  /** Publishes every command so many times, mixed, while processes die; gives the answers that each command got. */
  const race = async (
    commands: Command[],
    dying: () => Promise<void>,
    repeats = times,
  ): Promise<Map<string, CommandAnswer[]>> => {
    const all = Array.from({ length: repeats }, () => commands).flat()
    const published = await Promise.all(
      all.map(async (command) => ({ id: command.command_id, asked: await publish(command) })),
    )
    const answered = () => published.filter(({ asked }) => house.answers.has(asked)).length
    const { length } = published
    await eventually('some answers', () => answered() > 5, limitMs)
    expect(answered()).to.be.below(length) // somebody dies in the middle of it
    await dying()
    await eventually('all answers', () => answered() === length, limitMs)
    const byCommand = new Map<string, CommandAnswer[]>()
    for (const { id, asked } of published)
      byCommand.set(id, [...(byCommand.get(id) ?? []), ...(house.heard.get(asked) ?? [])])
    return byCommand
  }
  const expectOneAnswer = (answers: Map<string, CommandAnswer[]>) => {
    for (const [id, all] of answers) {
      expect(all.length, id).to.be.at.least(times)
      for (const answer of all) expect(answer, id).to.deep.equal(all[0])
    }
  }

  it('do each of many commands once and tell everybody the same, while one after the other is killed', async () => {
    const names = Array.from({ length: clients }, () => `client-${randomUUID()}`)
    const env = { RABBITMQ_PREFETCH: '20' }
    let [one, other] = await Promise.all([house.spawn(env), house.spawn(env)])
    const dying = async () => {
      await one.kill()
      one = await house.spawn(env)
      await other.kill()
      other = await house.spawn(env)
    }
    const started = await race(
      names.map((client) => start(client)),
      dying,
    )
    expectOneAnswer(started)
    const held = await race(names.map(hold), dying)
    expectOneAnswer(held)
    for (const client of names) {
      expect(started.get(`start of ${client}`)![0]).to.deep.include({ status: 'accepted', revision: 0 })
      expect(held.get(`hold of ${client}`)![0]).to.deep.include({ status: 'accepted', revision: 1 })
      expect(await typesIn(client)).to.deep.equal(['JourneyStarted', 'PromotionHeld'])
    }
    // The table of outcomes is lost, and everything comes again: the streams remember.
    await house.db.deleteFrom('commands').execute()
    const some = names.slice(0, 40)
    const again = await race([...some.map((client) => start(client)), ...some.map(hold)], async () => {
      await one.kill()
    })
    for (const [id, answers] of again)
      for (const answer of answers) expect(answer, id).to.deep.equal((started.get(id) ?? held.get(id))![0])
    for (const client of names) expect(await typesIn(client)).to.have.length(2)
    expect(await house.deadLetters()).to.deep.equal([])
    await other.kill()
  })

  it('and a third do 50 commands that race on one stream, five times each, once, while each of the three is killed', async () => {
    const client = `client-${randomUUID()}`
    // So few at a time that all three have some in their hands when they die.
    const spawn = () => house.spawn({ RABBITMQ_PREFETCH: '5' })
    const three = await Promise.all([spawn(), spawn(), spawn()])
    const asked = await publish(start(client))
    await eventually('the journey has begun', () => house.answers.has(asked), limitMs)
    const commands = Array.from({ length: 50 }, (_, n) => ({
      ...hold(client),
      command_id: `${n} of ${client}`,
      command_type: n % 2 === 0 ? 'journey.hold' : 'journey.release',
    }))
    const dying = async () => {
      for (const [n, one] of three.entries()) {
        await one.kill()
        three[n] = await spawn()
      }
    }
    const answers = await race(commands, dying, 5)
    const told = []
    for (const { command_id, command_type } of commands) {
      const all = answers.get(command_id)!
      for (const answer of all) expect(answer, command_id).to.deep.equal(all[0])
      const { status, revision, events } = all[0]!
      expect(status, command_id).to.be.oneOf(['accepted', 'rejected'])
      if (status === 'accepted' && events.length > 0) told.push({ revision, command_id, command_type })
    }
    const done = (await house.store.read(`journey-${client}`)).slice(1).map(({ revision, type, metadata }) => ({
      revision,
      command_id: metadata.$causationId,
      command_type: type === 'PromotionHeld' ? 'journey.hold' : 'journey.release',
    }))
    expect(told.sort((a, b) => a.revision! - b.revision!)).to.deep.equal(done)
    expect(done.map(({ revision }) => revision)).to.deep.equal(done.map((_, n) => n + 1))
    expect(done.length).to.be.greaterThan(1)
    expect(await house.deadLetters()).to.deep.equal([])
    for (const one of three) await one.kill()
  })

  it('let one of two different commands have a key, and refuse the other, while one of them is killed', async () => {
    const keys = Array.from({ length: 60 }, () => randomUUID())
    const bodies = keys.flatMap((key) =>
      ['a', 'b'].map((which) => ({ ...start(`client-${which}-${key}`), command_id: key })),
    )
    const [one, other] = await Promise.all([house.spawn(), house.spawn()])
    const answers = await race(bodies, async () => {
      await one.kill()
    })
    for (const key of keys) {
      const kinds = new Set(answers.get(key)!.map((answer) => answer.error?.code ?? answer.stream))
      const streams = await Promise.all(['a', 'b'].map((which) => typesIn(`client-${which}-${key}`)))
      expect(streams.flat(), key).to.deep.equal(['JourneyStarted'])
      const winner = streams[0]!.length === 1 ? 'a' : 'b'
      expect([...kinds], key).to.have.members([`journey-client-${winner}-${key}`, 'command/key_reused'])
    }
    await other.kill()
  })

  it('answer alike when the first was killed between its append and the outcome, and when the table is lost too', async () => {
    const { db } = house
    await sql`create function stuck() returns trigger language plpgsql as
      $$ begin perform pg_sleep(600); return new; end $$`.execute(db)
    await sql`create trigger stuck before insert or update on commands for each row
      when (new.status <> 'pending') execute function stuck()`.execute(db)
    const client = `client-${randomUUID()}`
    const command = start(client)
    const first = await house.spawn()
    const asked = await publish(command)
    await eventually('the event', async () => (await typesIn(client)).length === 1, limitMs)
    expect(house.answers.has(asked)).to.equal(false) // nobody hears of it before the outcome is kept
    await first.kill()
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'`.execute(db)
    await sql`drop trigger stuck on commands`.execute(db)
    const second = await house.spawn()
    const expected = {
      command_id: command.command_id,
      command_type: 'journey.start',
      status: 'accepted',
      stream: `journey-${client}`,
      revision: 0,
      events: ['journey.started'],
      error: null,
    }
    const answerOf = (correlationId: string) => eventually('an answer', () => house.answers.get(correlationId), limitMs)
    expect(await answerOf(asked)).to.deep.equal(expected)
    expect(await typesIn(client)).to.deep.equal(['JourneyStarted'])
    await db.deleteFrom('commands').execute()
    expect(await answerOf(await publish(command))).to.deep.equal(expected)
    await second.kill('SIGTERM')
    const third = await house.spawn()
    expect(await answerOf(await publish(command))).to.deep.equal(expected)
    await db.deleteFrom('commands').execute()
    const reused = await answerOf(await publish({ ...command, data: { ...command.data, data_sources: ['other'] } }))
    expect(reused.error?.code).to.equal('command/key_reused')
    expect(await typesIn(client)).to.deep.equal(['JourneyStarted'])
    await third.kill()
  })

  it('handle a command that one of them holds while it is stopped for long, once, after it goes on', async () => {
    const [one, other] = await Promise.all([house.spawn(), house.spawn()])
    await one.kill('SIGSTOP')
    const names = Array.from({ length: 30 }, () => `client-${randomUUID()}`)
    const asked = await Promise.all(names.map((client) => publish(start(client))))
    const answered = () => asked.filter((correlationId) => house.answers.has(correlationId)).length
    await eventually('the other does its share', () => answered() >= 10, limitMs)
    await sleep(100) // whatever else it would do, wrongly
    await one.kill('SIGCONT')
    await eventually('all answers', () => answered() === names.length, limitMs)
    for (const client of names) expect(await typesIn(client)).to.deep.equal(['JourneyStarted'])
    await Promise.all([one.kill(), other.kill()])
  })
})
