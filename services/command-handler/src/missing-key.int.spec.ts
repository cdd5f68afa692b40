import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { commandQueue } from '@journey/contracts'
import { testEventStore } from '@journey/embedded/testing'
import { eventually } from '@journey/messaging/testing'
import { openHouse, type House } from './testing/house.js'

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
const newKey = () => randomBytes(32).toString('base64')

describe('the command-handler on a system whose content is sealed', () => {
  const [key, former] = [newKey(), newKey()]
  let events: Awaited<ReturnType<typeof testEventStore>>
  let house: House
  let port: string
  before(async () => {
    port = String(await freePort())
    // What is sealed with keys that nobody keeps would stand in the way of everybody who reads the common store as a whole.
    events = await testEventStore()
    house = await openHouse({ isServed: false, eventStoreUrl: events.url })
  })
  afterEach(() => house.stopService())
  after(async () => {
    await house.close()
    await events.stop()
  })

  const start = (client_id = `client-${randomUUID()}`) => ({
    command_id: randomUUID(),
    data: { client_id, data_sources: ['jira'] },
  })
  const rightly = { JOURNEY_ENCRYPTION_KEY: key, JOURNEY_ENCRYPTION_KEYS_OLD: former }

  for (const [what, env, code] of [
    ['no key', {}, 'privacy/key_missing'],
    ['a wrong key', { JOURNEY_ENCRYPTION_KEY: newKey() }, 'privacy/master_key_unknown'],
    ['only the former key', { JOURNEY_ENCRYPTION_KEY: former }, 'privacy/master_key_unknown'],
  ] as const)
    it(`waits when it is started with ${what}, says so, uses nothing up, and goes on with the right one`, async () => {
      await house.startAgain(rightly)
      const begun = start()
      expect((await house.ask('journey.start', begun)).status).to.equal('accepted')
      await house.stopService()
      await house.startAgain({ ...env, JOURNEY_HEALTH_PORT: port })
      const keys = () => house.db.selectFrom('data_keys').selectAll().orderBy('key_id').execute()
      const before = await keys()
      const asked = [
        await house.publish('journey.hold', {
          command_id: randomUUID(),
          data: { client_id: begun.data.client_id, reason: 'audit' },
        }),
        await house.publish('journey.start', start()), // of a client that has no key yet
      ]
      await eventually('both are taken', async () => (await house.broker.depth(commandQueue)) === 0)
      const ready = await eventually('it says what is wrong', async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/ready`)
        const text = await answer.text()
        return answer.status === 503 && text.includes(code) && text
      })
      for (const secret of [key, former]) expect(ready).to.not.contain(secret)
      expect(asked.filter((one) => house.answers.has(one))).to.deep.equal([])
      await house.stopService()
      expect(await keys()).to.deep.equal(before) // none that the right key does not open
      expect(await house.deadLetters()).to.deep.equal([])
      await house.startAgain(rightly)
      for (const one of asked) expect((await house.answerOf(one)).status).to.equal('accepted')
      expect(await house.deadLetters()).to.deep.equal([])
      await house.stopService()
    }).timeout(60_000)
})
