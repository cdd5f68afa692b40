import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf, messageOf, silentLog, type Environment } from '@journey/runtime'
import { expect } from 'chai'
import { testEnvironment } from '../testing/environment.js'
import { identityOf } from '../supervisor/identity.js'
import { until } from '../supervisor/until.js'
import { readEndpoints } from './endpoints.js'
import { createStack } from './stack.js'
import type { Step } from './steps.js'

/** A service that is ready at once, and shows its environment under any path. */
const ready = `
  import { createServer } from 'node:http'
  createServer((request, response) => response.end(JSON.stringify(process.env)))
    .listen(Number(process.env.JOURNEY_HEALTH_PORT), '127.0.0.1')`
const broken = `console.error('JOURNEY_X must be a number'); process.exitCode = 1`
const slow = `setInterval(() => {}, 1000)`

/** A checkout with services of our own making, and servers that are all given, so that none is started. */
const setup = (services: Record<string, string>) => {
  const root = mkdtempSync(join(tmpdir(), 'journey-stack-spec-'))
  const write = (folder: string, source: string) => {
    mkdirSync(join(root, folder, 'dist'), { recursive: true })
    writeFileSync(join(root, folder, 'dist', 'main.js'), source)
  }
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  write('migrations', `console.log('ran 0001'); if (!process.env.DATABASE_URL) process.exitCode = 1`)
  for (const [name, source] of Object.entries(services)) write(join('services', name), source)
  const steps: Step[] = []
  const given = {
    RABBITMQ_URL: testEnvironment('JOURNEY_TEST_RABBITMQ_URL'),
    DATABASE_URL: testEnvironment('JOURNEY_TEST_DATABASE_URL'),
    EVENT_STORE_URL: testEnvironment('JOURNEY_TEST_EVENT_STORE_URL'),
  }
  const stack = (env: Environment = {}) =>
    createStack({
      root,
      stateDir: join(root, '.journey'),
      env: { ...given, ...env },
      services: Object.keys(services),
      log: silentLog(),
      onStep: (step) => steps.push(step),
    })
  return {
    root,
    given,
    stateDir: join(root, '.journey'),
    stack,
    steps,
    remove: () => rmSync(root, { recursive: true }),
  }
}

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

const environmentOf = async (url: string): Promise<Record<string, string>> =>
  (await (await fetch(url)).json()) as Record<string, string>

describe('a stack', () => {
  it('starts its services with the addresses of the servers, and says where everything listens until it stops', async () => {
    const { given, stateDir, stack, steps, remove } = setup({ 'command-handler': ready, api: ready })
    const running = stack()
    await running.start()
    const endpoints = running.endpoints()
    expect(readEndpoints(stateDir)).to.deep.equal(endpoints)
    expect(statSync(join(stateDir, 'endpoints.json')).mode & 0o777).to.equal(0o600)
    expect(endpoints).to.deep.include({ amqp: given.RABBITMQ_URL, amqp_management: null, token_file: null })
    expect(Object.keys(endpoints.services).sort()).to.deep.equal(['api', 'command-handler'])
    const env = await environmentOf(endpoints.services.api!)
    expect(env).to.include({
      DATABASE_URL: given.DATABASE_URL,
      EVENT_STORE_URL: given.EVENT_STORE_URL,
      JOURNEY_AUTH: 'off',
    })
    expect(env.JOURNEY_API_PORT).to.equal(new URL(endpoints.api!).port)
    expect(steps.filter(({ state }) => state === 'done').map(({ name }) => name)).to.include.members([
      'migrations',
      'api',
    ])

    await running.stop()
    await running.stop()
    expect(existsSync(join(stateDir, 'endpoints.json'))).to.equal(false)
    expect(await rejection(fetch(endpoints.services.api!))).to.be.an('error')
    remove()
  })

  it('runs once per folder, and keeps its ports from start to start', async () => {
    const { stack, remove } = setup({ notifier: ready })
    const first = stack()
    await first.start()
    const { services } = first.endpoints()
    expect(codeOf(await rejection(stack().start()))).to.equal('embedded/state_in_use')
    expect((await fetch(services.notifier!)).status).to.equal(200)
    await first.stop()
    const second = stack()
    await second.start()
    expect(second.endpoints().services).to.deep.equal(services)
    await second.stop()
    remove()
  })

  it('brings back a service that is killed', async () => {
    const { stack, remove } = setup({ projector: ready })
    const running = stack()
    await running.start()
    const projector = running.processes().get('projector')!
    const pid = projector.pid()!
    process.kill(pid, 'SIGKILL')
    await until(async () => {
      expect(projector.pid()).to.be.a('number').and.not.equal(pid)
      await fetch(running.endpoints().services.projector!)
    }, AbortSignal.timeout(10_000))
    await running.stop()
    remove()
  })

  it('fails its start with the reason of the service that did not come up, and stops the others', async () => {
    const { stack, stateDir, steps, remove } = setup({ projector: ready, notifier: broken })
    const failing = stack()
    const error = await rejection(failing.start())
    expect(codeOf(error)).to.equal('embedded/process_failed')
    expect(messageOf(error)).to.include('JOURNEY_X must be a number')
    expect(steps.find(({ name, state }) => name === 'notifier' && state === 'failed')).to.be.an('object')
    expect([...failing.processes().keys()]).to.deep.equal([])
    expect(existsSync(join(stateDir, 'endpoints.json'))).to.equal(false)
    expect(existsSync(join(stateDir, 'lock'))).to.equal(false)
    remove()
  })

  it('can be stopped while it starts', async () => {
    const { stack, stateDir, remove } = setup({ projector: slow })
    const starting = stack()
    const started = rejection(starting.start())
    await until(
      () => Promise.resolve(expect(starting.processes().get('projector')?.pid()).to.be.a('number')),
      AbortSignal.timeout(10_000),
    )
    const pid = starting.processes().get('projector')!.pid()!
    await starting.stop()
    expect(await started).to.be.an('error')
    expect(identityOf(pid)).to.equal(undefined)
    expect(existsSync(join(stateDir, 'lock'))).to.equal(false)
    remove()
  })

  it('names the setting of a given server that is not there, and shows no password', async () => {
    const { stack, remove } = setup({ api: ready })
    for (const [variable, url] of Object.entries({
      RABBITMQ_URL: 'amqp://user:hunter2@127.0.0.1:1',
      DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/x',
      EVENT_STORE_URL: 'esdb://127.0.0.1:1?tls=false',
    })) {
      const failure = await rejection(stack({ [variable]: url }).start())
      expect(codeOf(failure)).to.equal('embedded/server_away')
      expect(messageOf(failure)).to.match(new RegExp(`^${variable} names 127.0.0.1:1, which cannot be used`))
      expect(messageOf(failure)).not.to.include('hunter2')
    }
    remove()
  })

  it('refuses a port for the API that is given and taken', async () => {
    const { stack, remove } = setup({ api: ready })
    const stranger = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => stranger.once('listening', resolve))
    const { port } = stranger.address() as AddressInfo
    const error = await rejection(stack({ JOURNEY_API_PORT: String(port) }).start())
    expect(codeOf(error)).to.equal('embedded/port_taken')
    expect(messageOf(error)).to.include(String(port))
    await new Promise((resolve) => stranger.close(resolve))
    remove()
  })

  it('makes a token for the API when authentication is on and none is given', async () => {
    const { stack, remove } = setup({ api: ready })
    const running = stack({ JOURNEY_AUTH: 'token' })
    await running.start()
    const { token_file, services } = running.endpoints()
    const { JOURNEY_API_TOKEN } = await environmentOf(services.api!)
    expect(readFileSync(token_file!, 'utf8')).to.equal(JOURNEY_API_TOKEN)
    expect(statSync(token_file!).mode & 0o777).to.equal(0o600)
    await running.stop()
    remove()
  })
})
