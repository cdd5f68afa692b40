import type { Task } from '@journey/agent'
import { TaskFailure } from '@journey/agent'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { performing } from './performing.js'

const perform = (
  simulated: unknown,
  { attempt = 1, key = 'work:task', failureRate = 0, delayMs = 0, signal = new AbortController().signal } = {},
): Promise<unknown> => {
  const task = {
    intent: 'install_connectors',
    idempotency_key: key,
    attempt,
    parameters: simulated === undefined ? {} : { simulate: { install_connectors: simulated } },
  } as unknown as Task
  return performing(() => ({ done: true }), { delayMs, failureRate })(task, { signal, log: silentLog() })
}

const failureOf = async (performance: Promise<unknown>): Promise<TaskFailure> => {
  const error: unknown = await performance.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof TaskFailure) return error
  throw new Error(`no TaskFailure, but ${String(error)}`)
}

describe('an agent without simulation', () => {
  it('does its work', async () => expect(await perform(undefined)).to.deep.equal({ done: true }))

  it('fails about as often as the failure rate says, and the same attempt always alike', async () => {
    const attempts = Array.from({ length: 200 }, (_, n) => ({ key: `work:${n}`, failureRate: 0.3 }))
    const outcomes = async () =>
      (await Promise.allSettled(attempts.map((attempt) => perform(undefined, attempt)))).map(({ status }) => status)
    const first = await outcomes()
    expect(await outcomes()).to.deep.equal(first)
    expect(first.filter((status) => status === 'rejected').length).to.be.within(40, 80)
  })

  it('gives up its delay when the task is called off', async () => {
    const calledOff = new AbortController()
    const performance = perform(undefined, { delayMs: 60_000, signal: calledOff.signal })
    calledOff.abort()
    expect(await performance.catch((error: unknown) => (error as Error).name)).to.equal('AbortError')
  })
})

describe('an agent told to fail by a journey', () => {
  const simulated = { fail_times: 2, code: 'connector/quota', retryable: false }

  it('fails the first attempts with the code', async () => {
    for (const attempt of [1, 2])
      expect(await failureOf(perform(simulated, { attempt }))).to.include({ code: 'connector/quota', retryable: false })
  })

  it('does its work afterwards', async () => {
    expect(await perform(simulated, { attempt: 3 })).to.deep.equal({ done: true })
  })

  it('fails as retryable with a code of its own where nothing else is said', async () => {
    expect(await failureOf(perform({ fail_times: 1 }))).to.include({ code: 'simulated/failure', retryable: true })
  })

  it('takes no notice of what is meant for other intents', async () => {
    const task = { intent: 'a', idempotency_key: 'k', attempt: 1, parameters: { simulate: { b: { fail_times: 9 } } } }
    const context = { signal: new AbortController().signal, log: silentLog() }
    const work = performing(() => ({}), { delayMs: 0, failureRate: 0 })
    expect(await work(task as unknown as Task, context)).to.deep.equal({})
  })

  for (const [field, simulated] of Object.entries({
    'simulate.install_connectors': 'soon',
    'simulate.install_connectors.delay_ms': { delay_ms: -1 },
    'simulate.install_connectors.fail_times': { fail_times: 'twice' },
    'simulate.install_connectors.measurements': { measurements: { precision: 'high' } },
    'simulate.install_connectors.delay': { delay: 5 },
  }))
    it(`names ${field} when it is wrong`, async () => {
      const failure = await failureOf(perform(simulated))
      expect(failure).to.include({ code: 'simulated/invalid', retryable: false })
      expect(failure.message).to.include(`${field} `)
    })
})
