import { expect } from 'chai'
import { run } from '../program.js'
import { withServer } from '../testing/server.js'

const cli = async (...args: string[]) => {
  const written = { out: '', err: '' }
  const exitCode = await run(args, {
    env: {},
    version: '0.0.0',
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    isTerminal: false,
    user: 'dana',
    signal: new AbortController().signal,
  })
  return { exitCode, ...written }
}

const asked = {
  client_id: 'client-1',
  reason: 'asked for it',
  confirm: '5f0c',
  confirm_until: '2026-01-28T10:15:00.000Z',
  removes: { data_keys: 1, journey_events: 12, approvals: 0 },
  removed: null,
  events_in_clear: 3,
}

describe('journey-cli erase', () => {
  it('tells what would go, and how to confirm it', () =>
    withServer(
      () => ({ status: 200, body: asked }),
      async (url, calls) => {
        const { exitCode, out } = await cli('erase', '--client-id=client-1', '--reason=asked for it', `--api=${url}`)
        expect(exitCode).to.equal(0)
        expect(out).to.contain('Nothing is gone yet').and.contain('journey events: 12').and.contain('--confirm=5f0c')
        expect(out).to.contain('3 events were stored before encryption was on').and.not.contain('approvals')
        expect(calls[0]?.body).to.deep.equal({ reason: 'asked for it' })
      },
    ))

  it('erases with the confirmation only', () =>
    withServer(
      () => ({ status: 200, body: { ...asked, removed: { data_keys: 1 } } }),
      async (url, calls) => {
        const { exitCode, out } = await cli('erase', '--client-id=client-1', '--confirm=5f0c', `--api=${url}`)
        expect([exitCode, out]).to.deep.equal([0, 'Erased: client-1\n  data keys: 1\n'])
        expect(calls[0]?.body).to.deep.equal({ confirm: '5f0c' })
        expect((await cli('erase', '--client-id=client-1', `--api=${url}`)).exitCode).to.equal(2)
        expect((await cli('erase', '--client-id=a', '--reason=r', '--confirm=c', `--api=${url}`)).exitCode).to.equal(2)
        expect(calls).to.have.length(1)
      },
    ))
})

describe('journey-cli encryption rotate', () => {
  it('goes on until no key is left', () => {
    const answers = [
      { rewrapped: 500, left: 20 },
      { rewrapped: 20, left: 0 },
    ]
    return withServer(
      () => ({ status: 200, body: answers.shift()! }),
      async (url) => {
        const { exitCode, out } = await cli('encryption', 'rotate', `--api=${url}`)
        expect([exitCode, out]).to.deep.equal([
          0,
          '520 data keys rewrapped, none is left: the old master keys may go\n',
        ])
      },
    )
  })

  it('fails when keys are left that it cannot unwrap', () =>
    withServer(
      () => ({ status: 200, body: { rewrapped: 0, left: 7 } }),
      async (url) => {
        const { exitCode, out } = await cli('encryption', 'rotate', `--api=${url}`)
        expect(exitCode).to.equal(1)
        expect(out).to.contain('7 are left under other master keys')
      },
    ))
})
