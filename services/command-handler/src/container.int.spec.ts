import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { commandQueue, deadLetterQueueOf } from '@journey/contracts'
import { eventually } from '@journey/messaging/testing'
import { openHouse, type House } from './testing/house.js'

describe('the command-handler', () => {
  let house: House
  before(async () => {
    house = await openHouse()
  })
  after(() => house.close())

  const start = (over: object = {}) => ({
    command_id: randomUUID(),
    command_type: 'journey.start',
    data: { client_id: `client-${randomUUID()}`, data_sources: ['jira'] },
    ...over,
  })
  const statusOf = async (command_id: string) =>
    (await house.db.selectFrom('commands').select('status').where('command_id', '=', command_id).executeTakeFirst())
      ?.status

  it('answers whoever asked once the outcome is kept, a repeat alike', async () => {
    const command = start()
    const answer = await house.ask('journey.start', command)
    expect(answer).to.deep.equal({
      command_id: command.command_id,
      command_type: 'journey.start',
      status: 'accepted',
      stream: `journey-${command.data.client_id}`,
      revision: 0,
      events: ['journey.started'],
      error: null,
    })
    expect(await statusOf(command.command_id)).to.equal('accepted')
    expect(await house.ask('journey.start', command)).to.deep.equal(answer)
  })

  it('takes the id from the message where the body has none', async () => {
    const { command_id: messageId, ...command } = start()
    expect(await house.ask('journey.start', command, { messageId })).to.deep.include({
      command_id: messageId,
      status: 'accepted',
    })
  })

  it('goes on when nobody listens for the answer any more', async () => {
    const command = start()
    await house.publish('journey.start', command, { replyTo: 'a queue that was deleted' })
    await eventually('the outcome', async () => (await statusOf(command.command_id)) === 'accepted')
    expect((await house.ask('journey.start', start())).status).to.equal('accepted')
  })

  it('fails what is malformed but has a readable id, tells its sender every field, and keeps the dead letter', async () => {
    const command = start({ data: { client_id: 'client-7', sources: ['jira'] } })
    const answer = await house.ask('journey.start', command)
    expect(answer).to.deep.include({ command_id: command.command_id, status: 'failed', stream: null, revision: null })
    expect(answer.error?.code).to.equal('command/invalid')
    expect(answer.error?.details.map(({ field }) => field)).to.have.members(['data.data_sources', 'data.sources'])
    expect(await statusOf(command.command_id)).to.equal('failed')
    const letter = (await house.deadLetters()).find(({ command_id }) => command_id === command.command_id)
    expect(letter).to.deep.include({
      queue: commandQueue,
      reason: 'malformed',
      code: 'command/invalid',
      type: 'journey.start',
      client_id: 'client-7',
      state: 'open',
    })
    expect(JSON.parse(letter!.body.toString())).to.deep.equal(command)
  })

  it('lets the id of a failed command be used again', async () => {
    const command = start({ data: {} })
    expect((await house.ask('journey.start', command)).status).to.equal('failed')
    expect(await house.ask('journey.start', start({ command_id: command.command_id }))).to.deep.include({
      command_id: command.command_id,
      status: 'accepted',
    })
  })

  it('keeps what has no id at all, answers nobody, and goes on', async () => {
    const before = (await house.deadLetters()).length
    const rubbish = await house.publish('journey.start', Buffer.from([0xff, 0x00, 0x7b]))
    const keyless = await house.publish('journey.start', start({ command_id: undefined }))
    await eventually('both in the table', async () => (await house.deadLetters()).length === before + 2)
    const letters = (await house.deadLetters()).slice(before)
    expect(letters.map(({ command_id, reason }) => [command_id, reason])).to.deep.equal([
      [null, 'malformed'],
      [null, 'malformed'],
    ])
    expect((await house.ask('journey.start', start())).status).to.equal('accepted')
    expect([house.answers.has(rubbish), house.answers.has(keyless)]).to.deep.equal([false, false])
  })

  it('fails a command whose time ran out before it was begun, and does not do it', async () => {
    const command = start()
    await house.stopService()
    const asked = await house.publish('journey.start', command, { expiration: '1' })
    const dead = deadLetterQueueOf(commandQueue)
    await eventually('the broker gives it up', async () => (await house.broker.depth(dead)) === 1)
    const letterThere = await house.broker.channel.get(dead)
    if (!letterThere) throw new Error('the dead letter is gone')
    house.broker.channel.nack(letterThere)
    const [death] = letterThere.properties.headers?.['x-death'] ?? []
    await house.startAgain()
    const answer = await house.answerOf(asked)
    expect(answer).to.deep.include({ command_id: command.command_id, command_type: 'journey.start', status: 'failed' })
    const letter = (await house.deadLetters()).find(({ command_id }) => command_id === command.command_id)
    expect(letter).to.deep.include({ reason: 'expired', state: 'open', client_id: command.data.client_id })
    expect(letter).to.deep.include({
      queue: death!.queue,
      exchange: death!.exchange,
      routing_key: death!['routing-keys'][0],
      attempts: 0,
    })
    for (const at of [letter!.first_at, letter!.last_at])
      expect(Date.parse(at) / 1000).to.equal((death!.time as unknown as { value: number }).value)
    expect(answer.error?.code).to.equal(letter!.code)
    expect(await house.broker.depth(dead)).to.equal(0)
    const again = await house.ask('journey.start', command)
    expect(again).to.deep.include({ status: 'accepted', revision: 0 })
  })

  it('handles what came while it was away, and what it had not acknowledged, once', async () => {
    const commands = Array.from({ length: 50 }, () => start())
    const asked = await Promise.all(commands.map((command) => house.publish('journey.start', command)))
    await house.stopService() // somewhere in the middle of them
    await house.startAgain()
    for (const correlationId of asked)
      expect(await house.answerOf(correlationId)).to.deep.include({ status: 'accepted', revision: 0 })
    expect(await house.broker.depth(commandQueue)).to.equal(0)
  })
})
