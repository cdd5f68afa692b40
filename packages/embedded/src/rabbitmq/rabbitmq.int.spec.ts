import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { commandLineOf } from '../supervisor/identity.js'
import { until } from '../supervisor/until.js'
import { testStateFolder } from '../testing/state-folder.js'
import { brokerPorts, createRabbitMq } from './rabbitmq.js'

const management = async (url: string, method: string, path: string, body?: object): Promise<unknown> => {
  const { origin, username, password } = new URL(url)
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const response = await fetch(origin + path, {
    method,
    headers: { authorization },
    signal: AbortSignal.timeout(5_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

const connects = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/**
 * RabbitMQ 3.10 writes the name of a new quorum queue to disk within a second or so (Ra's names.dets, auto_save); one that is
 * killed before that comes back without a leader.
 */
const untilRegistered = (stateDir: string, queue: string): Promise<void> => {
  const names = join(stateDir, 'rabbitmq/mnesia/journey@localhost/quorum/journey@localhost/names.dets')
  const check = () => Promise.resolve(expect(readFileSync(names, 'latin1')).to.include(queue))
  return until(check, AbortSignal.timeout(10_000))
}

describe('an embedded RabbitMQ', () => {
  it('has a user of its own and no guest, comes back after kill -9 with its messages, and leaves nothing running', async () => {
    const { stateDir, ports, remove } = testStateFolder()
    const broker = await brokerPorts(ports)
    const rabbitmq = createRabbitMq({ stateDir, ports: broker, log: silentLog() })
    await rabbitmq.start()
    const url = rabbitmq.managementUrl()

    expect(await management(url, 'GET', '/api/users?columns=name')).to.deep.equal([{ name: 'journey' }])
    expect(new URL(rabbitmq.url()).port).to.equal(String(broker.amqp))

    const durable = { durable: true, arguments: { 'x-queue-type': 'quorum' } }
    await management(url, 'PUT', '/api/queues/%2F/kept', durable)
    const message = {
      routing_key: 'kept',
      payload: 'still here',
      payload_encoding: 'string',
      properties: { delivery_mode: 2 },
    }
    await management(url, 'POST', '/api/exchanges/%2F/amq.default/publish', message)

    await untilRegistered(stateDir, 'kept')

    const pid = rabbitmq.pid()!
    process.kill(pid, 'SIGKILL')
    await until(
      async () => {
        expect(rabbitmq.pid()).to.be.a('number').and.not.equal(pid)
        const [got] = (await management(url, 'POST', '/api/queues/%2F/kept/get', {
          count: 1,
          ackmode: 'ack_requeue_true',
          encoding: 'auto',
        })) as { payload: string }[]
        expect(got?.payload).to.equal('still here')
      },
      AbortSignal.timeout(40_000),
      200,
    )
    expect(rabbitmq.restarts()).to.equal(1)

    const last = rabbitmq.pid()!
    await rabbitmq.stop()
    expect(commandLineOf(last)).to.equal('')
    expect(await Promise.all(Object.values(broker).map(connects))).to.deep.equal([false, false, false, false, false])
    await remove()
  })
})
