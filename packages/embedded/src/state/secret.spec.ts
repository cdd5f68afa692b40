import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { secretFile, secretOf } from './secret.js'

describe('a secret of a state folder', () => {
  it('is made once, long and unlike any other, and nobody else can read it', () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'journey-secret-spec-'))
    const secret = secretOf(stateDir, 'postgres')
    expect(secret).to.match(/^[0-9a-f]{32}$/)
    expect(secretOf(stateDir, 'postgres')).to.equal(secret)
    expect(secretOf(stateDir, 'rabbitmq')).not.to.equal(secret)
    const file = secretFile(stateDir, 'postgres')
    expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).to.deep.equal([0o600, 0o700])
    rmSync(stateDir, { recursive: true })
  })
})
