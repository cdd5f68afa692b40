import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import { identityOf } from '../supervisor/identity.js'
import { holderOf, lockState } from './lock.js'

const setup = () => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-lock-spec-'))
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}

const refusal = (work: () => unknown): { code: string; message: string } | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return { code: codeOf(error), message: (error as Error).message }
  }
}

describe('the lock of a state folder', () => {
  it('is held by one at a time, and says who holds it and what to do', () => {
    const { folder, remove } = setup()
    const release = lockState(folder)
    const said = refusal(() => lockState(folder))
    expect(said?.code).to.equal('embedded/state_in_use')
    expect(said?.message).to.include(`kill ${process.pid}`).and.include('JOURNEY_STATE_DIR')
    release()
    expect(refusal(() => lockState(folder)())).to.equal(undefined)
    remove()
  })

  it('is taken over from a process that died, also when its number belongs to another one now', () => {
    const { folder, remove } = setup()
    for (const left of [JSON.stringify({ pid: process.pid, begun: 'in another life' }), '{"pid":', '']) {
      writeFileSync(join(folder, 'lock'), left)
      const release = lockState(folder)
      expect(holderOf(folder)).to.deep.equal(identityOf(process.pid))
      release()
      expect(readdirSync(folder)).to.deep.equal([])
    }
    remove()
  })
})
