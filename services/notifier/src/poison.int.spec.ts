import { expect } from 'chai'
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { exchanges } from '@journey/contracts'
import { testVhost } from '@journey/embedded/testing'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import { createDatabase } from '@journey/read-model'
import { testReadModel } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'

const program = fileURLToPath(new URL('testing/mortal.js', import.meta.url))
/** Each life takes the start of a process, on a busy machine some seconds. */
const limitMs = 120_000

describe('a message that kills the process that handles it', () => {
  it('is a dead letter after five deaths, and all others are handled', async () => {
    const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
    const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
    const handled = new Set<string>()
    let deaths = 0
    let isOver = false
    let child: ChildProcess | undefined
    const live = (): void => {
      child = fork(program, [vhost.url, own.url, 'deadly'])
      child.on('message', (text) => handled.add(text as string))
      child.once('exit', (_, signal) => {
        if (isOver) return
        if (signal === 'SIGKILL') deaths++
        live()
      })
    }
    live()
    const broker = await openTestBroker(vhost.url)
    await eventually('the queue', async () => (await queueIsThere(vhost)) || undefined, limitMs)
    const others = Array.from({ length: 40 }, (_, n) => `other ${n}`)
    for (const [n, text] of others.entries()) {
      if (n === 7) await publish(broker, 'deadly')
      await publish(broker, text)
    }

    const letter = await eventually(
      'the dead letter',
      () =>
        database.db
          .selectFrom('dead_letters')
          .select([
            'queue',
            'reason',
            'code',
            'message',
            'service',
            'attempts',
            'body',
            'first_at',
            'last_at',
            'sealed',
          ])
          .executeTakeFirst(),
      limitMs,
    )
    await eventually('all others', () => others.every((text) => handled.has(text)), limitMs)
    isOver = true
    child!.kill('SIGKILL')

    const { body, message, first_at, last_at, ...rest } = letter
    expect(rest).to.deep.equal({
      queue: 'notifier.events',
      reason: 'poison',
      code: 'message/poison',
      service: 'mortal',
      attempts: 5,
    })
    expect([body.toString(), message.includes('5 times'), first_at < last_at]).to.deep.equal(['deadly', true, true])
    // The first delivery leaves no mark: it might have been cut off before it was begun.
    expect(deaths).to.equal(6)
    expect(await database.db.selectFrom('dead_letters').select('id').execute()).to.have.length(1)
    await Promise.all([broker.close(), database.stop()])
    await Promise.all([own.drop(), vhost.drop()])
  }).timeout(2 * limitMs)
})

const publish = (broker: Awaited<ReturnType<typeof openTestBroker>>, text: string): Promise<void> =>
  broker.publish(exchanges.events.name, 'journey.started', Buffer.from(text), { messageId: text })

/** Asked of the management API, since asking for a queue that is not there costs a channel. */
const queueIsThere = async ({ managementUrl, vhost }: { managementUrl: string; vhost: string }): Promise<boolean> => {
  const { origin, username, password } = new URL(managementUrl)
  const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
  const bindings = (await (await fetch(`${origin}/api/bindings/${vhost}`, { headers })).json()) as { source: string }[]
  return bindings.some(({ source }) => source === exchanges.events.name)
}
