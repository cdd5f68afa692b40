import { codeOf, readSettings, type Environment } from '@journey/runtime'
import { expect } from 'chai'
import { accessOf, ApiSettings } from './settings.js'

const access = (env: Environment) => {
  try {
    return accessOf(readSettings(ApiSettings, env))
  } catch (error) {
    return codeOf(error)
  }
}
const token = 'a-token-of-16-letters'

describe('who may call the API', () => {
  it('is by default whoever shows the token, from anywhere', () => {
    expect(access({ JOURNEY_API_TOKEN: token })).to.deep.equal({ host: '0.0.0.0', port: 8080, token })
    expect(access({})).to.equal('settings/token_missing')
    expect(access({ JOURNEY_API_TOKEN: 'short' })).to.equal('settings/invalid')
  })

  it('is everybody on this machine where tokens are off', () => {
    expect(access({ JOURNEY_AUTH: 'off', JOURNEY_API_PORT: '0' })).to.deep.equal({ host: '127.0.0.1', port: 0 })
    expect(access({ JOURNEY_AUTH: 'off', JOURNEY_API_HOST: '::1' })).to.deep.equal({ host: '::1', port: 8080 })
  })

  it('is never everybody elsewhere', () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.evil.test', 'api.test'])
      expect(access({ JOURNEY_AUTH: 'off', JOURNEY_API_HOST: host }), host).to.equal(
        'settings/auth_off_beyond_loopback',
      )
  })
})
