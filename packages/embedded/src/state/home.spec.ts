import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { knownHome, removeHome, serverHome } from './home.js'

const setup = (mode: number) => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-home-spec-'))
  chmodSync(folder, mode)
  const stateDir = join(folder, 'state')
  mkdirSync(stateDir)
  return { folder, stateDir, remove: () => rmSync(folder, { recursive: true }) }
}

const isRoot = process.getuid?.() === 0

describe("a server's home", () => {
  it('lies in the state folder, and belongs to the account when we are root', () => {
    const { stateDir, remove } = setup(0o755)
    const home = serverHome(stateDir, 'postgres', ['no-such-account', 'nobody'])
    expect(home.folder).to.equal(join(stateDir, 'postgres'))
    expect(home.account?.name).to.equal(isRoot ? 'nobody' : undefined)
    if (home.account) expect(statSync(home.folder).uid).to.equal(home.account.uid)
    remove()
  })

  it('moves with the state folder', () => {
    const { folder, stateDir, remove } = setup(0o755)
    serverHome(stateDir, 'postgres', ['nobody'])
    const moved = join(folder, 'moved')
    renameSync(stateDir, moved)
    expect(serverHome(moved, 'postgres', ['nobody']).folder).to.equal(join(moved, 'postgres'))
    expect(existsSync(stateDir)).to.equal(false)
    remove()
  })

  it('lies elsewhere when the account cannot get to the state folder, stays there, and is removed with it', function () {
    if (!isRoot) this.skip() // without root, servers run as ourselves
    const { folder, stateDir, remove } = setup(0o700)
    const home = serverHome(stateDir, 'postgres', ['nobody'])
    expect(home.folder).to.match(/^\/var\/lib\/journey-orchestrator\//)
    chmodSync(folder, 0o755)
    expect(serverHome(stateDir, 'postgres', ['nobody'])).to.deep.equal(home)
    expect(knownHome(stateDir, 'postgres')).to.deep.equal(home)
    removeHome(stateDir, 'postgres')
    expect(existsSync(dirname(home.folder))).to.equal(false)
    remove()
  })
})
