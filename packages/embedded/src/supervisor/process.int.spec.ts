import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codeOf, messageOf, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { identityOf } from './identity.js'
import { noteProcess, stopLeftovers } from './leftovers.js'
import { createProcess, type ProcessOptions } from './process.js'
import { until } from './until.js'

const setup = () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'journey-process-spec-'))
  const up = join(stateDir, 'up')
  /** A process that runs a shell script; it is ready once the script has made the file `$UP`. */
  const shell = (script: string, more: Partial<ProcessOptions> = {}) =>
    createProcess({
      name: 'child',
      command: '/bin/sh',
      args: ['-c', script],
      env: { PATH: '/usr/bin:/bin', UP: up },
      stateDir,
      log: silentLog(),
      ready: (signal) => until(() => Promise.resolve(expect(existsSync(up)).to.equal(true)), signal, 10),
      ...more,
    })
  const remove = () => rmSync(stateDir, { recursive: true })
  return { stateDir, shell, remove }
}

const soon = (check: () => void) =>
  until(
    async () => {
      check()
      return Promise.resolve()
    },
    AbortSignal.timeout(10_000),
    10,
  )
const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a supervised process', () => {
  it('is started again when it dies, and no more once it is stopped', async () => {
    const { stateDir, shell, remove } = setup()
    const child = shell('touch $UP; exec sleep 60')
    await child.start()
    for (const deaths of [1, 2]) {
      const pid = child.pid()!
      process.kill(pid, 'SIGKILL')
      await soon(() => expect(child.pid()).to.be.a('number').and.not.equal(pid))
      expect(child.restarts()).to.equal(deaths)
    }
    const last = child.pid()!
    await child.stop()
    await child.stop()
    expect(identityOf(last)).to.equal(undefined)
    expect(child.pid()).to.equal(undefined)
    expect(readdirSync(join(stateDir, 'pids'))).to.deep.equal([])
    remove()
  })

  it('fails its start with its last words when it ends before it is ready', async () => {
    const { shell, remove } = setup()
    const error = await rejection(shell('echo the settings are wrong; exit 3').start())
    expect(codeOf(error)).to.equal('embedded/process_failed')
    expect(messageOf(error)).to.include('exited with code 3').and.include('the settings are wrong')
    remove()
  })

  it('fails its start when it is not ready in time, and is stopped', async () => {
    const { shell, remove } = setup()
    const child = shell('exec sleep 60', { readyLimitMs: 300 })
    expect(codeOf(await rejection(child.start()))).to.equal('embedded/process_failed')
    expect(child.pid()).to.equal(undefined)
    remove()
  })

  it('is killed when it does not stop within its limit', async () => {
    const { shell, remove } = setup()
    const child = shell('trap "" TERM; touch $UP; while :; do sleep 0.1; done', { stopLimitMs: 200 })
    await child.start()
    const pid = child.pid()!
    await child.stop()
    expect(identityOf(pid)).to.equal(undefined)
    remove()
  })

  it('can be stopped while it starts', async () => {
    const { shell, remove } = setup()
    const child = shell('echo begun; exec sleep 60')
    const started = rejection(child.start())
    await soon(() => expect(child.pid()).to.be.a('number'))
    const pid = child.pid()!
    await child.stop()
    expect(codeOf(await started)).to.equal('embedded/process_failed')
    expect(identityOf(pid)).to.equal(undefined)
    remove()
  })

  it('dies with its supervisor, even when that is killed', async () => {
    const { stateDir, remove } = setup()
    const module = fileURLToPath(new URL('./process.js', import.meta.url))
    const script = `
      const { createProcess } = await import(${JSON.stringify(module)})
      const log = { warn() {}, info() {} }
      const child = createProcess({
        name: 'child', command: 'sleep', args: ['60'], env: { PATH: '/usr/bin:/bin' },
        stateDir: ${JSON.stringify(stateDir)}, log, ready: async () => {},
      })
      await child.start()
      console.log(child.pid())`
    const supervisor = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [output] = (await once(supervisor.stdout, 'data')) as [Buffer]
    const pid = Number(output.toString())
    expect(identityOf(pid)).to.be.an('object')
    supervisor.kill('SIGKILL')
    await once(supervisor, 'exit')
    await soon(() => expect(identityOf(pid)).to.equal(undefined))
    remove()
  })

  it('is stopped by the next start when it outlived its supervisor all the same', async () => {
    const { stateDir, shell, remove } = setup()
    const orphan = spawn('sleep', ['60'])
    await once(orphan, 'spawn')
    noteProcess(stateDir, 'child', orphan.pid!, 'SIGTERM')
    const child = shell('touch $UP; exec sleep 60')
    await child.start()
    expect(orphan.signalCode ?? (await once(orphan, 'exit'))[1]).to.equal('SIGTERM')
    await child.stop()
    remove()
  })
})

describe('what an earlier start left running', () => {
  it('is left alone when its number belongs to another process by now', async () => {
    const { stateDir, remove } = setup()
    const stranger = spawn('sleep', ['60'])
    await once(stranger, 'spawn')
    mkdirSync(join(stateDir, 'pids'))
    noteProcess(stateDir, 'child', stranger.pid!, 'SIGTERM')
    const file = join(stateDir, 'pids', 'child.json')
    const note = readFileSync(file, 'utf8')
    writeFileSync(file, note.replace(/"begun":"[^"]*"/, '"begun":"another time"'))
    expect(await stopLeftovers(stateDir)).to.deep.equal([])
    expect(identityOf(stranger.pid!)).to.be.an('object')
    stranger.kill()
    await once(stranger, 'exit')
    remove()
  })
})
